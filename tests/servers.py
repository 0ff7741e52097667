"""Database servers that a test may kill: started by it, on a port and in a folder of their own."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from tests.bench.server import free_port
from tests.conftest import TEMP_ROOT
from tests.needs import program

Kind = Literal["mysql", "postgresql"]
START_S = 120
OWN = pwd.getpwuid(os.geteuid()).pw_name


class Server:
    """One database server. `url` is that of a database in it."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self._kind, self._folder, self._port = kind, folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        # PostgreSQL does not run as root, and what root makes is nobody else's.
        self._user = "postgres" if kind == "postgresql" and os.geteuid() == 0 else None
        self.url = {
            "mysql": f"mysql+pymysql://root@127.0.0.1:{self._port}/parley",
            "postgresql": f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/parley",
        }[kind]
        self._make()
        self.start()
        with create_engine(self._admin, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
            connection.execute(text("CREATE DATABASE parley"))

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._line(), user=self._user, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        engine = create_engine(self._admin, poolclass=NullPool)
        end = time.monotonic() + START_S
        while True:
            try:
                with engine.connect():
                    break
            except OperationalError:
                assert time.monotonic() < end, f"{self._kind} did not start"
                time.sleep(0.1)

    def kill(self) -> None:
        """As if the machine had lost its power, but for what the disk keeps."""
        if self._process is not None:
            if self._kind == "postgresql":  # the postmaster's children go with a SIGQUIT, not when it is killed
                self._process.send_signal(signal.SIGQUIT)
            else:
                self._process.kill()
            self._process.wait(30)
            self._process = None

    @property
    def _admin(self) -> str:
        return self.url.removesuffix("parley") + ("postgres" if self._kind == "postgresql" else "mysql")

    def _make(self) -> None:
        if self._kind == "mysql":
            line = [program("mariadb-install-db"), "--no-defaults", f"--datadir={self._data}", f"--user={OWN}",
                    "--auth-root-authentication-method=normal", "--skip-test-db"]  # fmt: skip
        else:
            line = [program("initdb"), "-A", "trust", "-U", "postgres", "-D", str(self._data), "--no-sync"]
        if self._user:
            shutil.chown(self._folder, self._user)
        subprocess.run(line, user=self._user, cwd=self._folder, check=True, capture_output=True, timeout=120)

    def _line(self) -> list[str]:
        socket_file = self._folder / "socket"
        if self._kind == "mysql":
            return [program("mariadbd"), "--no-defaults", f"--datadir={self._data}", f"--socket={socket_file}",
                    f"--port={self._port}", "--bind-address=127.0.0.1", f"--user={OWN}",
                    "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M"]  # fmt: skip
        return [program("postgres"), "-D", str(self._data), "-p", str(self._port), "-k", str(self._folder),
                "-c", "listen_addresses=127.0.0.1"]  # fmt: skip

    @property
    def _data(self) -> Path:
        return self._folder / "data"


@contextmanager
def server(kind: Kind) -> Iterator[Server]:
    # Not under pytest's folder: only its owner may enter that, and PostgreSQL runs as somebody else. Beside it, though.
    folder = Path(tempfile.mkdtemp(prefix="parley-db-", dir=os.environ.get(TEMP_ROOT)))
    running: Server | None = None
    try:
        running = Server(kind, folder)
        yield running
    finally:
        if running is not None:
            running.kill()
        shutil.rmtree(folder, ignore_errors=True)
