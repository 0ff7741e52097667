"""The model weights: which files there are, where they lie, and how they get there whole.

Standard library only: `make run` uses this before any package is installed. The manifest is weights.toml;
transport.py knows the sources. A file is checked in full when it arrives; later starts compare size and
modification time with the record made then, for hashing 1.3 GB at every start would cost seconds.
"""

import os
import shutil
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from functions import transport
from functions.transport import Arriving, Part, SourceFailed, WeightsError
from functions.verified import Verified, alone
from functions.wheels import sha256

__all__ = ["File", "WeightsError", "fetch", "load_manifest", "missing", "needed", "path", "verify"]

Report = Callable[[str, int, int], None]  # what is being done, bytes done, bytes in all (0: just words)
HEARING = ("whisper-base/config.json", "whisper-base/tokenizer.json", "whisper-base/vocabulary.txt")
HEARING_AND_SPEAKING = (*HEARING, "whisper-base/model.bin", "kokoro-v1.0.int8.onnx")
LLM = {
    "default": "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    "small": "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    "tiny": "smollm2-135m-instruct-q4_1.gguf",
}
WAITING = "Another Parley is fetching the models; waiting for it"
MARGIN = 250_000_000  # bytes left free: parts in flight, and a disk is never filled to the brim


@dataclass(frozen=True)
class File:
    """One file of the manifest: `sha256` is its identity, `url` and `parts` are where its bytes may come from."""

    name: str
    title: str
    size: int
    sha256: str
    licence: str
    notice: str
    upstream: str
    url: str
    parts: tuple[Part, ...]


def load_manifest(toml: Path | None = None) -> dict[str, File]:
    """Return every known file by its name, in the manifest's order."""
    text = (toml or Path(__file__).with_name("weights.toml")).read_text(encoding="utf-8")
    rows = tomllib.loads(text)["file"]
    return {row["name"]: File(**{**row, "parts": tuple(Part(**part) for part in row["parts"])}) for row in rows}


def needed(models: str = "default", llm_url: bool = False) -> list[str]:
    """Return the names that a choice of MODELS (`default`, `small` or `tiny`) loads; no LLM where a URL serves it."""
    return [*HEARING_AND_SPEAKING, *([] if llm_url else [LLM[models]])]


def all_needed() -> list[str]:
    """Return the names that any choice of MODELS loads, each once: what the tests of models run."""
    return list(dict.fromkeys(name for models in LLM for name in needed(models)))


def cache_dir() -> Path:
    """Return PARLEY_CACHE, by default `parley` in the user's cache folder."""
    home = os.environ.get("PARLEY_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "parley")
    return Path(home).expanduser()


def path(name: str, cache: Path | None = None) -> Path:
    """Return where a file lies, or will."""
    return (cache or cache_dir()) / "models" / name


def missing(names: Sequence[str], cache: Path | None = None, manifest: dict[str, File] | None = None) -> list[str]:
    """Return the names whose file is not there or changed since it was checked. Milliseconds: nothing is hashed."""
    files = manifest or load_manifest()
    record = Verified((cache or cache_dir()) / "models")
    return [name for name in dict.fromkeys(names) if not record.holds(files[name])]


def fetch(
    names: Sequence[str],
    cache: Path | None = None,
    report: Report = lambda doing, done, total: None,
    manifest: dict[str, File] | None = None,
) -> dict[str, Path]:
    """Bring every named file into the cache, whole and checked, and return where each lies.

    An interrupted fetch goes on where it stopped; of two at once the second waits. Raises WeightsError, whose
    text is for the person at the terminal.
    """
    files = manifest or load_manifest()
    cache = cache or cache_dir()
    folder = cache / "models"
    if missing(names, cache, files):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with alone(folder, lambda: report(WAITING, 0, 0)):
                _fetch([files[name] for name in missing(names, cache, files)], folder, report)
        except OSError as error:
            raise WeightsError(transport.plain(error, folder)) from error
    return {name: folder / name for name in names}


def verify(
    names: Sequence[str], cache: Path | None = None, report: Report = lambda doing, done, total: None
) -> list[str]:
    """Read every named file again; return those that are absent or not what they should be, and forget them."""
    files = load_manifest()
    folder = (cache or cache_dir()) / "models"
    if not folder.is_dir():
        return list(names)
    with alone(folder, lambda: report(WAITING, 0, 0)):
        record = Verified(folder)
        return [name for name in names if not _check(files[name], folder, record, report)]


def _fetch(files: list[File], folder: Path, report: Report) -> None:
    record = Verified(folder)
    files = [file for file in files if not _check(file, folder, record, report)]
    total = sum(file.size for file in files)
    have = sum(_size(_partial(folder, file)) for file in files)
    _require_space(folder, total - have + MARGIN)
    before = 0
    with transport.Sources(folder / ".downloads", [file.parts for file in files]) as sources:
        for file in files:

            def progress(done: int, file: File = file, before: int = before) -> None:
                report(file.title, before + min(done, file.size), total)

            _obtain(file, folder, sources, progress)
            record.add(file)
            before += file.size
            report(file.title, before, total)
    shutil.rmtree(folder / ".downloads", ignore_errors=True)


def _obtain(file: File, folder: Path, sources: transport.Sources, progress: Callable[[int], None]) -> None:
    """Try each source in turn; they share one partial file, for the bytes are the same whoever brings them.

    When the whole is wrong, nobody knows whose bytes were: then each source is tried alone, from nothing.
    """
    partial = _partial(folder, file)
    reasons: list[str] = []
    liar: transport.Source | None = None  # brought all of a wrong file
    for together in (True, False):
        for source in sources.all:
            if source == liar:
                continue
            if not together:
                partial.unlink(missing_ok=True)
            try:
                with Arriving(partial, file.size) as arriving:
                    alone = arriving.size == 0
                    source(file, arriving, progress)
                    right = arriving.hash() == file.sha256
            except SourceFailed as error:
                reasons.append(str(error))
                continue
            if right:
                (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(partial, folder / file.name)
                return
            partial.unlink()
            reasons.append("wrong bytes came (sha256 differs) and were refused")
            if together:
                liar = source if alone else None
                break
        else:
            break
    raise WeightsError(f"Could not get {file.title} ({file.name}): {'; '.join(dict.fromkeys(reasons))}.")


def _check(file: File, folder: Path, record: Verified, report: Report) -> bool:
    """Hash a file that is there, however it came; record it if it is right, else forget it."""
    target = folder / file.name
    if _size(target) == file.size and file.sha256 == sha256(
        target, lambda done: report(f"Checking {file.title}", done, file.size)
    ):
        record.add(file)
        return True
    record.forget(file)
    return False


def _partial(folder: Path, file: File) -> Path:
    return folder / ".downloads" / f"{file.sha256[:16]}.partial"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _require_space(folder: Path, need: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < need:
        raise WeightsError(
            f"Not enough disk: the models need {need / 1e9:.1f} GB in {folder}, {free / 1e9:.1f} GB are free.\n"
            "Free some, or keep them elsewhere: PARLEY_CACHE=/another/disk"
        )
