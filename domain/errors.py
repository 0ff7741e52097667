"""Every error the domain raises.

    ParleyError
    ├── BadInput      the caller sent something that cannot be used          400
    ├── NeedsMembership  the plan gives none of it, or no more               402
    ├── NotAllowed    signed in or not, this is somebody else's              403
    ├── NotFound      no such thing, or not for this caller                  404
    ├── Conflict      the thing is in another state than the caller thinks   409
    ├── TooLong       more seconds, bytes or characters than a limit         413
    ├── TooMany       slow down                                              429
    └── Unavailable   an engine is waking, overloaded, late or broken        503

`code` is a stable name ("speech_too_long"); the web tier turns it into words in the
reader's language (web/error_words.py, where a test finds every code). `detail` fills the
placeholders of those words and holds no secrets.
"""


from typing import Any


class ParleyError(Exception):
    def __init__(self, code: str, **detail: object) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by what it holds, not by calling it: functions elsewhere raise kinds that are made differently."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[ParleyError], args: tuple[object, ...], held: dict[str, object]) -> ParleyError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(held)
    return error


class BadInput(ParleyError):
    pass


class NeedsMembership(ParleyError):
    """`detail` has `feature`, and `better`: the id of a plan that gives more, "" where none does."""


class NotAllowed(ParleyError):
    pass


class NotFound(ParleyError):
    pass


class Conflict(ParleyError):
    pass


class TooLong(ParleyError):
    pass


class TooMany(ParleyError):
    pass


class Unavailable(ParleyError):
    pass
