"""ONNX sessions that share two cores with a language model, and that can be broken off."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

POLL_S = 0.02


def open_session(path: Path, threads: int) -> Any:
    return open_bytes(str(path), threads)


def open_bytes(model: str | bytes, threads: int) -> Any:
    """Open an onnxruntime session (of a path or a model's bytes) whose idle threads sleep.

    Spinning costs the LLM, which decodes on the same cores meanwhile, more than it gains here.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(session: Any, feeds: Mapping[str, NDArray[Any]], stop: threading.Event) -> list[NDArray[Any]] | None:
    """Run the session; when `stop` is set meanwhile, break it off between two nodes and return None."""
    import onnxruntime

    if stop.is_set():
        return None
    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            if stop.wait(POLL_S):
                options.terminate = True
                return

    watcher = threading.Thread(target=watch, name="tts-stop", daemon=True)
    watcher.start()
    try:
        made: list[NDArray[Any]] = session.run(None, dict(feeds), options)
    except Exception:
        if stop.is_set():  # onnxruntime has no error class of its own for a run that was broken off
            return None
        raise
    finally:
        done.set()
    return made
