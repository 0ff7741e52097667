"""An app whose functions use what Modal gives them: a secret, a volume, a dict, a queue."""

import json
import os
from pathlib import Path

import modal

app = modal.App("sample-objects")
volume = modal.Volume.from_name("sample-files", create_if_missing=True, version=2)


@app.function(secrets=[modal.Secret.from_name("sample-key", required_keys=["SAMPLE_KEY"])], max_containers=1)
def key() -> str:
    return os.environ["SAMPLE_KEY"]


@app.function(volumes={"/files": volume}, max_containers=1)
def write(name: str, data: bytes) -> int:
    # A plain process cannot have Modal's paths; the local plane tells where the volume is instead.
    folder = Path(json.loads(os.environ["LOCAL_VOLUMES"])["/files"])
    (folder / name).write_bytes(data)
    volume.commit()
    return (folder / name).stat().st_size


@app.function(max_containers=1)
async def pass_on() -> int:
    """Take from a queue until it is told to stop, and put what came into a dict."""
    queue, seen = modal.Queue.from_name("sample-queue"), modal.Dict.from_name("sample-dict")
    taken = 0
    while (item := await queue.get.aio(timeout=60)) is not None:
        await seen.put.aio(item, item * 2)
        taken += 1
    return taken
