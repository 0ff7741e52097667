"""The process that reads files, started and fed by infra/readers/reading.py. How it is shut in: infra/shut_in.py."""

from domain.errors import BadInput, ParleyError, TooLong
from domain.knowledge import languages
from infra.readers import office, pdfs, pictures, recordings, sniff, texts
from infra.readers.asking import Answer, Ask
from infra.shut_in import serve

_LOCKED = "EncryptedPackage".encode("utf-16-le")  # a new document with a password lies in an old container


def answer(ask: Ask) -> Answer:
    try:
        return _read(ask.data, ask.name)
    except (BadInput, TooLong) as wrong:
        return _failed(wrong)
    except MemoryError:
        return Answer(error="file_bomb")
    except Exception:  # noqa: BLE001 - a dozen libraries meet bytes that somebody made to break them
        return Answer(error="file_broken")


def _failed(wrong: ParleyError) -> Answer:
    detail = {name: value for name, value in wrong.detail.items() if isinstance(value, int)}
    return Answer(error=wrong.code, long=isinstance(wrong, TooLong), detail=detail)


def _read(data: bytes, name: str) -> Answer:
    found = sniff.sniff(data, name)
    match found.kind:
        case "image":
            picture = pictures.read(data, found.media_type)
            return Answer(picture.read, (picture.fine,))
        case "pdf":
            return Answer(*pdfs.read(data))
        case "office":
            return Answer(office.read(data, found.media_type))
        case "audio":
            return Answer(recordings.read(data, found.media_type))
        case "text":
            return Answer(texts.read(data, found.media_type))
    if found.media_type == sniff.OLD_OFFICE:
        raise BadInput("file_locked" if _LOCKED in data else "file_old")
    raise BadInput("file_unknown")


def warm() -> None:
    """Read something of each kind, so that all that is imported late is there."""
    languages.detect("Warm words.")
    pictures.warm()
    office.warm()
    recordings.warm()
    for data, name in (
        (b"<html><body><p>Warm.", "a.html"), ("caf\xe9 \xe0 la cr\xe8me".encode("latin-1"), "a.txt"), (b"%PDF-1.4", ""),
    ):  # fmt: skip
        answer(Ask(data, name))


if __name__ == "__main__":
    serve(Ask, answer, warm)
