"""Start the app as a user would, on a free port with a fresh data folder, and stop it again."""

import contextlib
import os
import random
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
# Below the ports that systems give to whoever calls out (32768 and up on Linux, 49152 on macOS): between the choice of
# a port and the start of who listens there lie seconds, in which other tests call out a hundred times.
PORTS = range(16_384, 32_768)
PATIENT_S = 180.0  # until it serves: on a busy machine Python alone takes 20 seconds to import everything
_any = random.SystemRandom()  # every worker of a run draws others


@dataclass
class Server:
    url: str
    pid: int
    page_s: float  # from start to the first page
    ready_s: float  # from start to all engines ready
    ended: int | None = None  # what it returned once it was told to end; below 0: a signal ended it


def free_port() -> int:
    """Return a port of this machine where nobody listens, and that nobody gets who asks for any."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            port = _any.choice(PORTS)
            probe.bind(("127.0.0.1", port))
            return port


def _wait(url: str, process: subprocess.Popen[bytes], limit_s: float) -> None:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=20):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise TimeoutError(url)


@contextlib.contextmanager
def serving(
    data_dir: Path | None = None, wait_ready: bool = True, module: str = "web", **env: str
) -> Iterator[Server]:
    """Yield a running server; it is ended with SIGTERM, and killed if it does not heed that.

    `module` is what starts it: the app itself, or one that puts something else into its place.
    """
    with contextlib.ExitStack() as stack:
        if data_dir is None:
            data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-")))
        port = free_port()
        data_dir.mkdir(parents=True, exist_ok=True)
        log = stack.enter_context(open(data_dir / "server.log", "ab"))
        settings = {"PORT": str(port), "DATA_DIR": str(data_dir), "LOG_FORMAT": "json", **env}
        server: Server | None = None
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", module], cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(f"{url}/", process, PATIENT_S)
            page_s = time.monotonic() - began
            if wait_ready:
                _wait(f"{url}/ready", process, PATIENT_S)
            server = Server(url, process.pid, page_s, time.monotonic() - began)
            yield server
        except (RuntimeError, TimeoutError):
            sys.stderr.write((data_dir / "server.log").read_text()[-3000:])
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if server is not None:
                server.ended = process.returncode
