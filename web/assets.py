"""The static files: read once, named by what they hold, kept compressed in memory.

One hash names the whole tree (`/static/<hash>/voice/mic.js`), not one hash per file: ES modules, worklets,
fonts and sprites refer to each other by relative paths, and those keep working without a build step.
"""

import gzip
import hashlib
from pathlib import Path, PurePosixPath

import msgspec

STATIC = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"
# Of our own, because the system's table differs between machines and browsers refuse modules of a wrong type.
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".ico": "image/vnd.microsoft.icon",
    ".woff2": "font/woff2",
    ".wav": "audio/wav",
    ".txt": "text/plain",
}
_COMPRESSED = {".css", ".js", ".mjs", ".json", ".svg", ".txt"}


class Asset(msgspec.Struct, frozen=True):
    body: bytes
    gzipped: bytes | None  # when that is smaller
    media_type: str
    etag: str


class Assets:
    def __init__(self, folder: Path = STATIC) -> None:
        self._files = {name: _read(path) for name, path in _walk(folder)}
        whole = hashlib.sha256()
        for name, asset in sorted(self._files.items()):
            whole.update(f"{name}\n{asset.etag}\n".encode())
        self.version = whole.hexdigest()[:12]

    def get(self, name: str) -> Asset | None:
        """Return a file by its path in the static folder. Only names read at start exist."""
        return self._files.get(name)

    def url(self, name: str) -> str:
        """Return the address of a file, which changes when any file does."""
        return f"/static/{self.version}/{name}"


def _walk(folder: Path) -> list[tuple[str, Path]]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix in TYPES)
    return [(str(PurePosixPath(path.relative_to(folder))), path) for path in sorted(files)]


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    gzipped = gzip.compress(body, 9, mtime=0) if path.suffix in _COMPRESSED else None
    if gzipped is not None and len(gzipped) >= len(body):
        gzipped = None
    return Asset(body, gzipped, TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:20]}"')
