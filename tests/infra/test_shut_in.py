"""A process that has shut itself in: what a C library could open, Python's hooks do not see; the kernel does."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import ctypes, os, socket, sys
from infra import shut_in
secret = sys.argv[1].encode()
libc = ctypes.CDLL(None, use_errno=True)
libc.fopen.restype = ctypes.c_void_p
assert libc.fopen(secret, b"r")  # as long as it is outside
shut_in.leave()
assert not libc.fopen(secret, b"r")
assert not libc.fopen(b"/proc/1/environ", b"r") and not libc.fopen(b"/proc/self/environ", b"r")
assert not libc.fopen(secret + b".new", b"w")
assert libc.unlink(secret) != 0 and libc.rename(secret, secret + b".old") != 0
assert libc.fopen(shut_in.__file__.encode(), b"r")  # code may be read, and not written
assert not libc.fopen(shut_in.__file__.encode(), b"a")
pid = libc.fork()
if pid == 0:
    libc.execv(b"/bin/true", None)
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7  # nothing is executed
"""


def landlock() -> int:
    """Return which Landlock this kernel has, 0 or less for none."""
    if sys.platform != "linux":
        return 0
    version: int = ctypes.CDLL(None).syscall(444, None, 0, 1)
    return version


@pytest.mark.skipif(landlock() < 1, reason="this kernel has no Landlock")
def test_the_kernel_lets_a_c_library_open_nothing_but_code(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(secret)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert secret.read_text() == "secret"


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_nothing_is_reached_over_the_network() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        script = (
            "import socket, sys\nfrom infra import shut_in\nshut_in.leave()\n"
            f"try:\n    socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), timeout=5)\n"
            "except OSError:\n    sys.exit(3)\n"
        )
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=200)
    assert done.returncode == 3
