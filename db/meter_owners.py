"""Whose meters they are: a guest's who gets an account, an account's that goes, guests' who stay away."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from db import meter_sql as sql
from db.again import again
from db.work import forget_log, known, reading, writing

LONGEST = timedelta(days=31)  # no window lasts longer: one that was touched before has ended after that
AT_ONCE = 200


class SqlMeterOwners:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @again(IntegrityError)  # the user began a meter of the same window meanwhile
    def move(self, guest: str, user_id: str) -> None:
        if known(guest, user_id) and guest != user_id:
            with writing(self._engine) as connection:
                move_meters(connection, guest, user_id)

    @again()
    def erase_owner(self, owner: str) -> None:
        if known(owner):
            with writing(self._engine) as connection:
                erase_meters(connection, owner)
            forget_log(self._engine)

    def purge(self, before: datetime) -> int:
        """Return of how many guests; their uses and days go too."""
        untouched = {"before": before - LONGEST}
        erased = 0
        while True:
            with reading(self._engine) as connection:
                old = list(connection.scalars(sql.OLD_GUESTS, {**untouched, "most": AT_ONCE}))
            if not old:
                return erased
            erased += self._purge(old, untouched)
            forget_log(self._engine)

    @again()
    def _purge(self, guests: list[str], untouched: dict[str, datetime]) -> int:
        erased = 0
        with writing(self._engine) as connection:
            for guest in guests:
                # Asked again: the guest may have come back, or have got an account, in between.
                if connection.scalar(sql.STILL_OLD, {**untouched, "whose": guest}) is not None:
                    erase_meters(connection, guest)
                    erased += 1
        return erased


def move_meters(connection: Connection, guest: str, user_id: str) -> None:
    """Add what the guest has used and holds to what the user has. May raise IntegrityError: then try again."""
    to = {"new_owner": user_id}
    _give_holds(connection, guest, to)
    theirs = connection.execute(sql.METERS_OF, {"whose": guest}).mappings().all()
    _give_holds(connection, guest, to)  # of turns that began before the meters were ours: they are counted in them
    for meter in theirs:
        key = {"whose": user_id, "what": meter["feature"], "in_window": meter["window_key"]}
        more = {"counted": meter["used"], "let_go": -meter["held"], "now": meter["touched_at"]}
        if not connection.execute(sql.COUNT, key | more).rowcount:
            connection.execute(sql.NEW_METER, {**meter, "owner": user_id})
    for day in connection.execute(sql.DAYS_OF, {"whose": guest}).mappings().all():
        key = {"whose": user_id, "what": day["feature"], "which": day["day"]}
        if not connection.execute(sql.COUNT_DAY, key | {"counted": day["amount"]}).rowcount:
            connection.execute(sql.NEW_DAY, {**day, "owner": user_id})
    connection.execute(sql.GIVE_USES, {"whose": guest, **to})
    erase_meters(connection, guest)


def _give_holds(connection: Connection, guest: str, to: dict[str, str]) -> None:
    for hold_id in connection.scalars(sql.HOLDS_OF, {"whose": guest}).all():
        connection.execute(sql.GIVE_HOLD, {"which": hold_id, **to})


def erase_meters(connection: Connection, owner: str) -> None:
    for statement in sql.ERASE:
        connection.execute(statement, {"whose": owner})
