"""Refunds are given once per key, also where the provider forgets keys, or has none."""

from domain.errors import Conflict


def before(key: str, amount: int) -> int:
    """Return how much had been given back before this refund; its key ends with the sum after it.

    Raises ValueError for a key of another form.
    """
    return int(key.rpartition(":")[2]) - amount


def so_far(key: str, amount: int, given: int) -> bool:
    """Tell whether a refund is still to be made, `given` being what the provider's books have.

    Raises Conflict("refund_refused") when those hold something else than whoever asked took them to hold: a refund by
    hand, at the provider, between looking and asking.
    """
    expected = before(key, amount)
    if given >= expected + amount:
        return False
    if given != expected or amount <= 0:
        raise Conflict("refund_refused")
    return True
