"""Run the local control plane: by itself, or around a command.

    python -m infra.local up [--port 0] [--dashboard-port 0]
    python -m infra.local run [--deploy functions.app] -- COMMAND ...

`up` prints the variables to set for a client and stays until it is interrupted. `run` starts a plane, deploys, runs
the command with those variables and RUNTIME=local, and ends everything with it; its exit status is the command's.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from functions.door import SECRET, SETTING
from infra.local.faults import SETTING as FAULTS_SETTING
from infra.local.faults import Faults
from infra.local.plane import Plane

# What Parley's own functions read beside their secrets (README, Settings). Other apps: --pass.
PARLEY_SETTINGS = (
    "ENGINES", "MODELS", "THREADS", "ASR_ENGINE", "TTS_ENGINE", "EMBED_ENGINE", "EMBED_DIMENSION", "LLM_ENGINE",
    "LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL", "LLM_FALLBACK_BASE_URL", "LLM_FALLBACK_API_KEY", "LLM_FALLBACK_MODEL",
)  # fmt: skip


class CannotDeploy(Exception):
    """The text is what `modal deploy` printed."""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="python -m infra.local", description="A local control plane for Modal apps.")
    each = argparse.ArgumentParser(add_help=False)
    each.add_argument("--port", type=int, default=0, help="of the control plane; 0: any free one")
    each.add_argument("--dashboard-port", type=int, default=0, help="0: any free one")
    each.add_argument("--folder", type=Path, help="for logs, blobs and volumes; default: a temporary one")
    each.add_argument("--pools", choices=("laptop", "cloud"), default="laptop", help="which pool table apps see")
    each.add_argument("--faults", type=_faults, default=os.environ.get(FAULTS_SETTING, ""),
                      help="e.g. 'cold_start=12 jitter=0.2'")  # fmt: skip
    each.add_argument("--pass", dest="passed", action="append", default=[], metavar="NAME",
                      help="a variable of this environment that containers see too; may be repeated")  # fmt: skip
    each.add_argument("--deploy", action="append", default=[], metavar="MODULE", help="an app; may be repeated")
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("up", parents=[each], help="start a plane and keep it running")
    around = commands.add_parser("run", parents=[each], help="start a plane, run a command with it, end both")
    around.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    return top


def _faults(text: str) -> Faults:
    try:
        return Faults(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


@asynccontextmanager
async def plane_of(options: argparse.Namespace) -> AsyncIterator[Plane]:
    """Start the plane that the command line asks for, with its apps deployed."""
    async with AsyncExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="local-modal-")))
        opening = Plane.open(
            folder.resolve(), faults=options.faults, port=options.port, pools=options.pools,
            dashboard_port=options.dashboard_port, passed=[*PARLEY_SETTINGS, *options.passed],
        )  # fmt: skip
        try:
            plane = await stack.enter_async_context(opening)
        except (OSError, ValueError) as error:  # a port that is taken, a file of secrets that cannot be read
            raise SystemExit(f"the local plane cannot start: {error}") from error
        worker_key(plane)
        for module in options.deploy:
            try:
                await deploy(plane, module)
            except CannotDeploy as error:
                raise SystemExit(str(error)) from error
        yield plane


def worker_key(plane: Plane) -> dict[str, str]:
    """Return the variable by which Parley's functions know their callers; its secret is made where there is none.

    The functions and whoever calls them have it from here: the environment's if it has one, else one for this plane.
    """
    key = os.environ.get(SETTING) or secrets.token_urlsafe(48)
    kept: dict[str, str] = plane.parts["secrets"].kept(SECRET, {SETTING: key})
    return {SETTING: kept.get(SETTING) or key}


async def deploy(plane: Plane, module: str) -> None:
    """Deploy an app by the CLI of modal. Raises CannotDeploy with its output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "modal", "deploy", *(("-m",) if not module.endswith(".py") else ()), module,
        env=client_environment(plane), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    if process.returncode:
        raise CannotDeploy(f"modal deploy {module} failed:\n{output.decode(errors='replace')}")


def client_environment(plane: Plane) -> dict[str, str]:
    """Return this process's environment, led to the plane instead of to Modal."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MODAL_")}
    return ours | plane.client_env()


async def up(options: argparse.Namespace) -> int:
    """Keep a plane running until it is interrupted."""
    async with plane_of(options) as plane:
        for name, value in (plane.client_env() | worker_key(plane)).items():
            print(f"export {name}={shlex.quote(value)}", flush=True)  # noqa: T201 - this is its output
        if plane.dashboard_url:
            print(f"# dashboard: {plane.dashboard_url}", flush=True)  # noqa: T201
        await asyncio.Event().wait()
    return 0


async def run(options: argparse.Namespace) -> int:
    """Run a command beside a plane; its signals are passed on."""
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        raise SystemExit("python -m infra.local run: a command is missing after --")
    async with plane_of(options) as plane:
        if plane.dashboard_url:
            print(f"local Modal: {plane.dashboard_url}", file=sys.stderr, flush=True)  # noqa: T201
        env = client_environment(plane) | worker_key(plane) | {"RUNTIME": "local"}
        process = await asyncio.create_subprocess_exec(*argv, env=env)
        try:
            return await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(asyncio.shield(process.wait()), 20)
            process.kill()
            raise


async def interruptible(options: argparse.Namespace) -> int:
    """Run the command; SIGINT, SIGTERM and SIGHUP end it and everything that it started."""
    work = asyncio.create_task({"up": up, "run": run}[options.command](options))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Once: a second signal must not cut short the end of the containers.
        asyncio.get_running_loop().add_signal_handler(number, lambda: work.cancelling() or work.cancel())
    try:
        return await work
    except asyncio.CancelledError:
        return 130


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit status."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("grpclib").setLevel(logging.WARNING)  # it tells of every stream that a client leaves
    return asyncio.run(interruptible(parser().parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
