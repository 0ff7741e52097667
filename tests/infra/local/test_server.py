"""The server of the local plane: what it answers, what it refuses, and what lies beneath it."""

import asyncio
import hashlib
import logging
from pathlib import Path

import pytest
from grpclib import GRPCError, Status
from grpclib.client import Channel as Connection
from modal_proto import api_grpc, api_pb2

from infra.local.channel import Channel
from infra.local.launch import image_environment
from infra.local.plane import Plane
from infra.local.server import collect, contract, serve
from infra.local.sources import ROOT, Sources

pytestmark = pytest.mark.anyio


def chunk(index: int) -> api_pb2.DataChunk:
    return api_pb2.DataChunk(index=index, data=b"%d" % index)


async def test_an_rpc_that_nothing_answers_is_refused_and_remembered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Plane.open(tmp_path) as plane:
        connection = Connection("127.0.0.1", int(plane.url.rpartition(":")[2]))
        stub = api_grpc.ModalClientStub(connection)
        with caplog.at_level(logging.WARNING), pytest.raises(GRPCError) as refused:
            await stub.SandboxList(api_pb2.SandboxListRequest())
        connection.close()
        assert refused.value.status is Status.UNIMPLEMENTED
        assert plane.unknown == ["SandboxList"]
        assert "SandboxList" in caplog.text


async def test_only_a_container_may_ask_what_containers_ask(tmp_path: Path) -> None:
    async with Plane.open(tmp_path) as plane:
        connection = Connection("127.0.0.1", int(plane.url.rpartition(":")[2]))
        stub = api_grpc.ModalClientStub(connection)
        with pytest.raises(GRPCError, match="only containers") as refused:
            await stub.FunctionGetInputs(api_pb2.FunctionGetInputsRequest())
        connection.close()
        assert refused.value.status is Status.PERMISSION_DENIED


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "::"])  # noqa: S104
async def test_addresses_that_others_can_reach_are_refused(tmp_path: Path, host: str) -> None:
    async with Plane.open(tmp_path) as plane:
        with pytest.raises(ValueError, match="loopback only"):
            async with serve(plane, host=host):
                pass


async def test_every_group_names_rpcs_of_the_service(tmp_path: Path) -> None:
    async with Plane.open(tmp_path) as plane:
        methods = collect(plane)
    assert len(methods) > 44 and len(contract()) > len(methods)


async def test_a_plane_leads_its_clients_away_from_real_credentials(tmp_path: Path) -> None:
    async with Plane.open(tmp_path) as plane:
        env = plane.client_env()
    assert env["MODAL_CONFIG_PATH"] == str(tmp_path / "modal.toml")
    assert (tmp_path / "modal.toml").stat().st_size == 0
    assert env["MODAL_SERVER_URL"].startswith("http://127.0.0.1:")


async def test_readers_of_a_channel_get_each_chunk_once_and_in_order() -> None:
    channel = Channel()
    channel.put([chunk(1), chunk(2)])

    async def read(after: int) -> list[int]:
        return [piece.index async for piece in channel.read(after)]

    readers = asyncio.gather(read(0), read(1))
    await asyncio.sleep(0)
    channel.put([chunk(2), chunk(3)])  # the second one comes again, as after a retry
    channel.put([chunk(5)])  # and one that is out of line is no use
    channel.close()
    assert list(await readers) == [[1, 2, 3], [2, 3]]


def mounted(sources: Sources, name: str, data: bytes) -> api_pb2.MountFile:
    digest = hashlib.sha256(data).hexdigest()
    sources.put(digest, data)
    return api_pb2.MountFile(filename=name, sha256_hex=digest)


def test_a_container_sees_what_was_deployed_below_its_root_and_nothing_above(tmp_path: Path) -> None:
    sources = Sources(tmp_path)
    code = mounted(sources, f"{ROOT}/pack/age.py", b"1")
    up = mounted(sources, f"{ROOT}/../outside.py", b"2")
    other = mounted(sources, "/etc/other.py", b"3")
    root = sources.root([sources.mount("", [code, up, other])])
    assert [path.relative_to(root).as_posix() for path in root.rglob("*.py")] == ["pack/age.py"]
    assert not list(tmp_path.rglob("outside.py"))
    assert (root / "pack/age.py").resolve().parent == root.resolve() / "pack"


def test_an_image_passes_on_its_variables_and_those_of_what_it_is_built_on() -> None:
    base = api_pb2.Image(dockerfile_commands=["FROM x", "ENV A=1 B='two words'"])
    image = api_pb2.Image(dockerfile_commands=["FROM base", "ENV A=3"])
    image.base_images.add(docker_tag="base", image_id="im-base")
    assert image_environment({"im-base": base, "im-1": image}, "im-1") == {"A": "3", "B": "two words"}
