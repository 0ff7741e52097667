"""Start the app as a user would, on a free port with a fresh data folder, and stop it again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Server:
    url: str
    pid: int
    page_s: float  # from start to the first page
    ready_s: float  # from start to all engines ready


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes], limit_s: float) -> None:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise TimeoutError(url)


@contextlib.contextmanager
def serving(data_dir: Path | None = None, wait_ready: bool = True, **env: str) -> Iterator[Server]:
    """Yield a running server; it is ended with SIGTERM, and killed if it does not heed that."""
    with contextlib.ExitStack() as stack:
        if data_dir is None:
            data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-")))
        port = free_port()
        data_dir.mkdir(parents=True, exist_ok=True)
        log = stack.enter_context(open(data_dir / "server.log", "ab"))
        settings = {"PORT": str(port), "DATA_DIR": str(data_dir), "LOG_FORMAT": "json", **env}
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "web"], cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(f"{url}/", process, 60)
            page_s = time.monotonic() - began
            if wait_ready:
                _wait(f"{url}/ready", process, 180)
            yield Server(url, process.pid, page_s, time.monotonic() - began)
        except (RuntimeError, TimeoutError):
            sys.stderr.write((data_dir / "server.log").read_text()[-3000:])
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
