"""Reading what browsers send: every way a form can be wrong is a ParleyError or an HTTP 400, never a crash."""

from typing import Any

from litestar import Request
from litestar.datastructures import UploadFile
from litestar.exceptions import ClientException

from domain.errors import BadInput, TooLong
from domain.turns import MAX_TEXT

FORM_BYTES = 64 * 1024
SPEECH_BYTES = 8 * 1024 * 1024
SEGMENT_BYTES = 512 * 1024
_ROOM = 16 * 1024  # for the other fields and the boundaries of a form with a file in it


class Form:
    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def text(self, name: str) -> str | None:
        """Return a field's text, None when it is absent. Raises TooLong before anybody looks at a megabyte."""
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise BadInput("form_bad", field=name)
        if len(value) > FORM_BYTES:
            raise TooLong("text_too_long", characters=MAX_TEXT)
        return value

    def number(self, name: str, default: int) -> int:
        return whole(self.text(name), name, default)

    def flag(self, name: str) -> bool:
        return (self.text(name) or "0") not in ("0", "", "false")

    async def file(self, name: str) -> bytes | None:
        """Return what was uploaded, None when nothing was."""
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, UploadFile):
            raise BadInput("form_bad", field=name)
        return await value.read()

    def filename(self, name: str) -> str:
        """Return what the sender calls an uploaded file, "" where nothing was uploaded or it has no name."""
        value = self._fields.get(name)
        return (value.filename or "") if isinstance(value, UploadFile) else ""

    async def close(self) -> None:
        for value in self._fields.values():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, UploadFile):
                    await item.close()


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """Return the form of a request: urlencoded or multipart. Raises BadInput("form_unreadable")."""
    try:
        fields = await request.form()
    except (ClientException, ValueError, LookupError, OSError) as error:
        # Litestar raises plain UnicodeDecodeError and LookupError for lying charsets
        if getattr(error, "status_code", 400) == 413:
            raise
        raise BadInput("form_unreadable") from error
    return Form({name: values[0] if len(values := fields.getall(name)) == 1 else values for name in set(fields)})


def whole(text: str | None, name: str, default: int) -> int:
    """Return a whole number that fits 32 bits. Raises BadInput("form_bad")."""
    if text is None or text == "":
        return default
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        raise BadInput("form_bad", field=name)
    return int(text)


SPEECH_FORM_BYTES = SPEECH_BYTES + _ROOM
