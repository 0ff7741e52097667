"""`python -m web`: prepare the database, serve, wake the engines."""

import gc
import logging
import multiprocessing
import os
import socket
import sys
from typing import Any

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels, logger

from infra.config import Config, ConfigError, read

CROWD = 8192  # granian's own backpressure hangs every request past 1,024 open streams
GAVE_UP = 78  # sysexits.h: a configuration that cannot be used
DRAIN_S = 5  # streams that are open at a stop may go on for so long


class CannotServe(Exception):
    """Why there is nothing to serve, in one line."""


def main() -> int:
    try:
        config = read()
        check_free(config.host, config.port)
    except (ConfigError, CannotServe) as error:
        return _give_up(error)
    server = Granian(
        "web",
        address=config.host,
        port=config.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        websockets=False,
        workers=1,  # turns live in this process
        backlog=CROWD,
        backpressure=CROWD,
        workers_kill_timeout=DRAIN_S,
        log_level=LogLevels.warning,
    )
    # A worker that has said why it cannot start needs no second line about its unexpected end.
    logger.addFilter(lambda _: not any(gave_up(worker.inner) for worker in server.wrks))
    server.serve(target_loader=load, wrap_loader=False)
    return 0


def gave_up(worker: object) -> bool:
    return isinstance(worker, multiprocessing.process.BaseProcess) and worker.exitcode == GAVE_UP


def load() -> Any:
    """Return the application; runs in the worker process."""
    gc.disable()  # what a start makes is there to stay: looking through it again and again took 0.4 s of CPU
    import structlog  # none of these is for the parent process, which only watches over this one

    from infra import telemetry, wiring
    from web.app import create_app

    config = read()
    telemetry.configure(config)
    try:
        wiring.migrate(config)
        services = wiring.assemble(config)
    except Exception as error:  # whatever it is: say it in a line, and serve nothing
        logging.getLogger(__name__).debug("cannot start", exc_info=error)
        _give_up(error)
        sys.stderr.flush()
        os._exit(GAVE_UP)

    def greet() -> None:
        engines = services.engines.status()
        if telemetry.for_people(config):
            lines = [f"  {engine.name:<6} {engine.what}" for engine in engines]
            print("\n".join(["", f"  Parley is on {address(config)}", "", *lines, ""]), flush=True)  # noqa: T201
        else:
            log = structlog.stdlib.get_logger("web")
            log.info("serving", address=address(config), engines={engine.name: engine.what for engine in engines})

    app = create_app(services, on_serving=greet)
    gc.collect()
    gc.freeze()  # else the collector looks through all of it once in a while, and every stream waits 0.1 s for it
    gc.enable()
    return app


def check_free(host: str, port: int) -> None:
    """Raise CannotServe when the address cannot be listened on.

    Asked here because granian shares a port that another granian serves without a word.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CannotServe(f"cannot listen on {host}:{port}: {why}. Try another port: PORT={port + 1}") from error


def address(config: Config) -> str:
    """Return where a browser on this machine finds us."""
    if config.public_url:
        return config.public_url
    host = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{config.port}" if ":" in host else f"http://{host}:{config.port}"


def _give_up(error: Exception) -> int:
    print(f"Parley cannot start: {' '.join(str(error).split())[:400]}", file=sys.stderr, flush=True)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
