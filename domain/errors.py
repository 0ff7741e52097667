"""Every error the domain raises.

    ParleyError
    ├── BadInput      the caller sent something that cannot be used          400
    ├── NotAllowed    signed in or not, this is somebody else's              403
    ├── NotFound      no such thing, or not for this caller                  404
    ├── Conflict      the thing is in another state than the caller thinks   409
    ├── TooLong       more seconds, bytes or characters than a limit         413
    ├── TooMany       slow down                                              429
    └── Unavailable   an engine is waking, overloaded, late or broken        503

`code` is a stable name ("speech_too_long"); the web tier turns it into words in the
reader's language (web/errors.py, where a test finds every code). `detail` fills the
placeholders of those words and holds no secrets.
"""


class ParleyError(Exception):
    def __init__(self, code: str, **detail: object) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class BadInput(ParleyError):
    pass


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
