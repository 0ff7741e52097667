"""Settings from a file, a line each, as `NAME=value`; for `make deploy` and for people, so no shell's rules."""

import re
from pathlib import Path

_LINE = re.compile(r"(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(.*)")


def parse(text: str) -> dict[str, str]:
    """Return the settings. Blank lines and lines that begin with # say nothing; quotes around a value go.

    Raises ValueError with the number of a line that is none of this, and without its words: they may be secret.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not NAME=value")
        name, value = match[1], match[2].strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name] = value
    return found


def load(path: Path) -> dict[str, str]:
    """Raises ValueError, in words for whoever named the file."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
