"""Units of work that lost to another one are run again: nothing of them was kept, and nobody has to hear of it."""

import logging
import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError

from domain.errors import Unavailable

log = logging.getLogger(__name__)
RACES = 60  # how often others may be faster
RACES_S = 20.0  # after which nobody begins again: who waited a minute for a lock does not wait another one
WAIT_S, LONGEST_S = 0.002, 0.05  # at most, after the first race and between any two
# Two waited for one another, or one for a lock for too long: numbers of MySQL, SQLSTATEs of PostgreSQL. InnoDB sees
# deadlocks even among those who only insert the same key: who lost holds a lock on the row that it met.
_UNDONE = frozenset((1205, 1213, "40001", "40P01"))

Given = ParamSpec("Given")
Done = TypeVar("Done")


class Collided(Unavailable):
    """The database undid a unit of work because of another one."""


def undone(error: DBAPIError) -> bool:
    """Tell whether the database is well and undid this for the sake of somebody else."""
    numbers = error.orig.args[:1] if error.orig is not None else ()
    return not _UNDONE.isdisjoint((getattr(error.orig, "sqlstate", None), *numbers))


def again(*lost: type[Exception]) -> Callable[[Callable[Given, Done]], Callable[Given, Done]]:
    """Have what does one unit of work run again when it Collided or raised one of `lost`.

    Those who met must not meet again at once: each waits for a random while. In the end it raises
    Unavailable("store_unavailable"). What is done after the unit of work must not raise any of these.
    """

    races: tuple[type[Exception], ...] = (Collided, *lost)

    def decorate(work: Callable[Given, Done]) -> Callable[Given, Done]:
        @wraps(work)
        def run(*given: Given.args, **named: Given.kwargs) -> Done:
            end, race = time.monotonic() + RACES_S, 0
            while True:
                try:
                    return work(*given, **named)
                except races as error:
                    race += 1
                    if race == RACES or time.monotonic() > end:
                        log.error("%s came too late %d times", work.__qualname__, race)
                        raise Unavailable("store_unavailable") from error
                time.sleep(random.uniform(0, min(WAIT_S * race, LONGEST_S)))  # noqa: S311

        return run

    return decorate
