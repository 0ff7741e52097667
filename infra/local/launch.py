"""What a container process is started with: command, arguments, environment, working directory."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modal_proto import api_pb2

from infra.local import reaper

if TYPE_CHECKING:
    from infra.local.containers import Container
    from infra.local.plane import Plane

# The machine's own variables that a container sees. The rest is what its secrets and its image say, as on Modal: a
# function that lacks a secret there must lack it here.
PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME",
          "SSL_CERT_FILE", "OMP_NUM_THREADS")  # fmt: skip
PASSED_PREFIXES = ("PARLEY_",)


def command() -> list[str]:
    """Return the command line of every container. The entrypoint is the one that Modal itself runs."""
    return [sys.executable, "-m", "modal._container_entrypoint"]


def prepare(plane: "Plane", container: "Container", path: Path) -> tuple[Path, Path]:
    """Write the container's arguments to `path`; return it and the folder with its code."""
    from infra.local.rpc_apps import layout

    function = container.function
    app = plane.apps.by_id[function.app_id]
    arguments = api_pb2.ContainerArguments(
        task_id=container.id,
        function_id=function.id,
        app_id=app.id,
        function_def=container.definition,
        serialized_params=function.params,
        environment_name=app.environment,
        app_layout=layout(plane, app),
    )
    path.write_bytes(arguments.SerializeToString())
    return path, plane.sources.root(container.definition.mount_ids)


def environment(
    plane: "Plane", container: "Container", socket: str, arguments: Path, root: Path
) -> dict[str, str]:
    """Return the environment: the machine's few, then the image's, then the secrets', then Modal's own."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED or name in plane.passed or name.startswith(PASSED_PREFIXES)
    }
    definition = container.definition
    ours |= image_environment(plane.sources.images, definition.image_id)
    ours |= plane.parts["secrets"].variables(list(definition.secret_ids))
    folders = plane.parts["volumes"]
    volumes = {mount.mount_path: str(folders.folder(mount.volume_id)) for mount in definition.volume_mounts}
    return ours | {
        "PYTHONPATH": os.pathsep.join(entry for entry in (str(root), ours.get("PYTHONPATH", "")) if entry),
        "PYTHONUNBUFFERED": "1",
        "PARLEY_POOLS": plane.kind,
        "LOCAL_VOLUMES": json.dumps(volumes),  # a process cannot have Modal's paths without being root
        "MODAL_SERVER_URL": f"unix:{socket}",
        "MODAL_CONFIG_PATH": str(plane.folder / "modal.toml"),
        "MODAL_CONTAINER_ARGUMENTS_PATH": str(arguments),
        "MODAL_IS_REMOTE": "1",
        "MODAL_TASK_ID": container.id,
        "MODAL_IMAGE_ID": definition.image_id,
        "MODAL_ENVIRONMENT": plane.apps.by_id[container.function.app_id].environment,
        "MODAL_CLOUD_PROVIDER": "local",
        "MODAL_REGION": "local",
    }


def image_environment(images: dict[str, api_pb2.Image], image_id: str) -> dict[str, str]:
    """Return what `Image.env` said, of the image and of those it is built on; nothing else of it is carried out."""
    image = images.get(image_id)
    if image is None:
        return {}
    found: dict[str, str] = {}
    for base in image.base_images:
        found |= image_environment(images, base.image_id)
    for line in image.dockerfile_commands:
        if line.startswith("ENV "):
            for word in shlex.split(line.removeprefix("ENV ")):
                name, _, value = word.partition("=")
                found[name] = value
    return found


class Reaper:
    """The process that outlives the plane just long enough to end the containers' process groups (reaper.py)."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, pid: int) -> None:
        """From now on this group ends with the plane."""
        self._tell(f"+{pid}\n")

    def clean(self, folder: Path) -> None:
        """This folder goes with the plane."""
        self._tell(f"={folder}\n")

    def forget(self, pid: int) -> None:
        """This group has ended: its number may become another's."""
        self._tell(f"-{pid}\n")

    def close(self) -> None:
        """End it; what it still watches is killed."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(10)

    def _tell(self, line: str) -> None:
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - our own file
                [sys.executable, "-I", "-S", reaper.__file__],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        if self._process.stdin is not None:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
