"""Secrets, volumes, dicts and queues as functions see them, in real containers."""

from typing import Any

import modal
import pytest

from infra.local.__main__ import CannotDeploy, deploy
from infra.local.plane import Plane
from tests.infra.local.live import Live

pytestmark = [pytest.mark.anyio, pytest.mark.plane]

APP = "tests.infra.local.sample_objects"


async def deployed(plane: Plane) -> str:
    """Return what the command line says when it cannot deploy."""
    try:
        await deploy(plane, APP)
    except CannotDeploy as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def stocked(live: Live) -> Live:
    async def give(plane: Plane) -> None:
        plane.parts["secrets"].give("sample-key", {"SAMPLE_KEY": "s3cret"})

    assert "Secret 'sample-key' not found in environment 'main': create it with" in live.do(deployed)
    live.do(give)
    assert live.do(deployed) == ""
    return live


def function(live: Live, name: str) -> Any:
    return modal.Function.from_name("sample-objects", name, client=live.client)


async def test_an_app_deploys_once_its_secret_is_there_and_its_containers_have_it(stocked: Live) -> None:
    assert await function(stocked, "key").remote.aio() == "s3cret"


async def test_what_a_container_writes_into_a_volume_is_read_outside(stocked: Live) -> None:
    data = b"0123456789" * 300_000  # an argument of 3 MB goes by blob
    assert await function(stocked, "write").remote.aio("figures", data) == len(data)
    volume = modal.Volume.from_name("sample-files", client=stocked.client)
    assert b"".join([piece async for piece in volume.read_file.aio("figures")]) == data


async def test_a_container_and_its_caller_share_a_queue_and_a_dict(stocked: Live) -> None:
    queue = modal.Queue.from_name("sample-queue", create_if_missing=True, client=stocked.client)
    seen = modal.Dict.from_name("sample-dict", create_if_missing=True, client=stocked.client)
    await queue.hydrate.aio()
    await seen.hydrate.aio()
    call = await function(stocked, "pass_on").spawn.aio()
    for item in (1, 2, 3, None):
        await queue.put.aio(item)
    assert await call.get.aio(timeout=120) == 3
    assert {key: value async for key, value in seen.items.aio()} == {1: 2, 2: 4, 3: 6}
