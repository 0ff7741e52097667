"""What an account leaves behind: its orders and their entries stay in the books, without the person."""

from sqlalchemy import Connection

from db import order_sql as sql


def erase_orders(connection: Connection, user_id: str) -> None:
    """Take the account out of all that is about its orders; its membership goes.

    The print of a trial stays, with nobody's name at it: else a trial would be had again with every new account.
    """
    for order_id, coupon in connection.execute(sql.OWNED, {"whose": user_id}).all():
        connection.execute(sql.DISOWN, {"which": order_id, "whose": user_id})
        if coupon:
            connection.execute(sql.DISOWN_USE, {"which": order_id, "which_code": coupon})
    connection.execute(sql.DISOWN_TRIAL, {"whose": user_id})
    connection.execute(sql.END, {"whose": user_id})
