"""Secrets, volumes, dicts, queues and blobs, asked for by the unmodified client."""

import asyncio
import hashlib
import io
import queue
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import modal
import pytest
from grpclib import GRPCError
from modal.exception import AlreadyExistsError, InvalidError, NotFoundError

from infra.local import blobs
from infra.local.blobs import BLOCK
from infra.local.fifo import ITEM_BYTES, ITEMS
from infra.local.objects import FORGOTTEN_S
from infra.local.plane import Plane

pytestmark = pytest.mark.anyio

VERSIONS = [1, 2]


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with Plane.open(tmp_path / "plane") as plane:
        yield plane


@pytest.fixture
async def client(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[modal.Client]:
    for name, value in plane.client_env().items():
        monkeypatch.setenv(name, value)
    client = await modal.Client.from_credentials.aio("ak-local", "as-local")
    yield client
    await client.close.aio()
    assert plane.unknown == []


async def test_a_dict_does_what_a_dict_does(client: modal.Client) -> None:
    ours = modal.Dict.from_name("ours", create_if_missing=True, client=client)
    assert await ours.put.aio("a", {"nested": [1, 2]})
    await ours.update.aio({"b": 2, ("c", 3): b"\0"})
    assert await ours.get.aio("a") == {"nested": [1, 2]}
    assert await ours.get.aio("z") is None
    assert await ours.get.aio("z", "else") == "else"
    assert await ours.contains.aio(("c", 3))
    assert not await ours.contains.aio("z")
    assert await ours.len.aio() == 3
    assert {key async for key in ours.keys.aio()} == {"a", "b", ("c", 3)}
    assert [value async for value in ours.items.aio() if value[0] == "b"] == [("b", 2)]
    assert await ours.pop.aio("b") == 2
    assert await ours.pop.aio("b", None) is None
    with pytest.raises(KeyError):
        await ours.pop.aio("b")
    await ours.clear.aio()
    assert await ours.len.aio() == 0


async def test_put_if_absent_tells_whether_it_put(client: modal.Client) -> None:
    async with modal.Dict.ephemeral.aio(client=client) as ours:
        assert await ours.put.aio("a", 1, skip_if_exists=True)
        assert not await ours.put.aio("a", 2, skip_if_exists=True)
        assert await ours.get.aio("a") == 1
        assert await ours.put.aio("a", 3)
        assert await ours.get.aio("a") == 3


async def test_none_is_a_value_and_not_an_absent_one(client: modal.Client) -> None:
    async with modal.Dict.ephemeral.aio(client=client) as ours:
        await ours.put.aio("a", None)
        assert await ours.get.aio("a", "else") is None


async def test_named_objects_are_one_for_all_and_can_be_listed_and_deleted(client: modal.Client) -> None:
    await modal.Dict.objects.create.aio("one", client=client)
    await modal.Dict.objects.create.aio("two", client=client)
    with pytest.raises(AlreadyExistsError):
        await modal.Dict.objects.create.aio("one", client=client)
    await modal.Dict.objects.create.aio("one", allow_existing=True, client=client)
    await modal.Dict.from_name("one", client=client).put.aio("a", 1)
    assert await modal.Dict.from_name("one", client=client).get.aio("a") == 1
    assert [each.name for each in await modal.Dict.objects.list.aio(client=client)] == ["two", "one"]
    await modal.Dict.objects.delete.aio("one", client=client)
    with pytest.raises(NotFoundError, match="'one' not found in environment 'main'"):
        await modal.Dict.from_name("one", client=client).get.aio("a")


async def test_environments_have_their_own_names(client: modal.Client) -> None:
    here = modal.Dict.from_name("d", create_if_missing=True, client=client)
    there = modal.Dict.from_name("d", create_if_missing=True, environment_name="dev", client=client)
    await here.put.aio("a", 1)
    assert await there.get.aio("a") is None


async def test_an_ephemeral_object_is_gone_once_its_client_is(client: modal.Client, plane: Plane) -> None:
    async with modal.Queue.ephemeral.aio(client=client) as ours:
        await ours.put.aio(1)
        found = modal.Queue.from_id(ours.object_id, client=client)
        assert await found.len.aio() == 1
    wall, monotonic = plane._since
    plane._since = (wall + FORGOTTEN_S + 1, monotonic)  # time passes
    async with modal.Queue.ephemeral.aio(client=client), modal.Dict.ephemeral.aio(client=client):
        pass
    with pytest.raises(NotFoundError):
        await modal.Queue.from_id(found.object_id, client=client).len.aio()


async def test_a_queue_gives_out_in_order_and_by_partition(client: modal.Client) -> None:
    async with modal.Queue.ephemeral.aio(client=client) as ours:
        await ours.put_many.aio([1, 2, 3])
        await ours.put.aio("b", partition="other")
        assert await ours.get.aio() == 1
        assert await ours.get_many.aio(5) == [2, 3]
        assert await ours.get.aio(partition="other") == "b"
        assert await ours.get.aio(block=False) is None
        await ours.put_many.aio(["x", "y"], partition="p")
        await ours.put.aio("z")
        assert (await ours.len.aio(), await ours.len.aio(partition="p"), await ours.len.aio(total=True)) == (1, 2, 3)
        assert [item async for item in ours.iterate.aio(partition="p")] == ["x", "y"]
        await ours.clear.aio(partition="p")
        assert await ours.len.aio(total=True) == 1
        await ours.clear.aio(all=True)
        assert await ours.len.aio(total=True) == 0


async def test_whoever_waits_gets_what_is_put_later(client: modal.Client, plane: Plane) -> None:
    async with modal.Queue.ephemeral.aio(client=client) as ours:
        waiting = asyncio.create_task(ours.get.aio(timeout=30))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await ours.put.aio("at last")
        assert await waiting == "at last"
        with pytest.raises(queue.Empty):
            await ours.get.aio(timeout=0.05)
        assert await ours.len.aio() == 0


async def test_a_full_partition_refuses_and_keeps_what_it_has(client: modal.Client) -> None:
    async with modal.Queue.ephemeral.aio(client=client) as ours:
        await ours.put_many.aio(list(range(ITEMS)))
        with pytest.raises(queue.Full):
            await ours.put.aio("too many", block=False)
        with pytest.raises(queue.Full):
            await ours.put.aio("too many", timeout=0.1)
        await ours.put.aio("elsewhere", partition="other")
        assert await ours.len.aio() == ITEMS


async def test_an_item_that_is_too_large_is_refused_by_name(client: modal.Client) -> None:
    async with modal.Queue.ephemeral.aio(client=client) as ours:
        with pytest.raises(modal.exception.RequestSizeError):
            await ours.put.aio(b"x" * (ITEM_BYTES + 1))


async def test_a_partition_is_gone_after_its_time(client: modal.Client, plane: Plane) -> None:
    ours = modal.Queue.from_name("q", create_if_missing=True, client=client)
    await ours.put.aio(1, partition="brief", partition_ttl=60)
    await ours.put.aio(2, partition="long")
    wall, monotonic = plane._since
    plane._since = (wall + 61, monotonic)
    assert await ours.len.aio(partition="brief") == 0
    assert await ours.len.aio(total=True) == 1


async def test_a_missing_secret_is_told_with_what_to_do(client: modal.Client) -> None:
    with pytest.raises(NotFoundError, match="Secret 'llm' not found in environment 'main': create it with `modal"):
        await modal.Secret.from_name("llm", client=client).hydrate.aio()


async def test_a_secret_becomes_the_environment_of_a_container(client: modal.Client, plane: Plane) -> None:
    await modal.Secret.objects.create.aio("llm", {"LLM_API_KEY": "k", "LLM_MODEL": "m"}, client=client)
    one = modal.Secret.from_name("llm", required_keys=["LLM_API_KEY"], client=client)
    await one.hydrate.aio()
    await one.update.aio({"LLM_MODEL": "n"})
    other_id = plane.parts["secrets"].give("other", {"LLM_MODEL": "o"})
    secrets = plane.parts["secrets"]
    assert secrets.variables([one.object_id]) == {"LLM_API_KEY": "k", "LLM_MODEL": "n"}
    assert secrets.variables([one.object_id, other_id]) == {"LLM_API_KEY": "k", "LLM_MODEL": "o"}
    with pytest.raises(NotFoundError, match=r"missing key\(s\): NOT_THERE"):
        await modal.Secret.from_name("llm", required_keys=["NOT_THERE"], client=client).hydrate.aio()
    assert [each.name for each in await modal.Secret.objects.list.aio(client=client)] == ["other", "llm"]


async def test_secrets_can_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secrets.toml"
    file.write_text('[llm]\nLLM_API_KEY = "k"\n')
    monkeypatch.setenv("LOCAL_SECRETS", str(file))
    async with Plane.open(tmp_path / "plane") as plane:
        secret_id = plane.parts["secrets"].give("other", {})
        assert plane.parts["secrets"].variables([secret_id]) == {}
        file.write_text("[llm]\nLLM_API_KEY = 5\n")
        with pytest.raises(ValueError, match=r"\[llm\] must be a table of strings"):
            async with Plane.open(tmp_path / "second"):
                pass


@pytest.mark.parametrize("version", VERSIONS)
async def test_files_go_into_a_volume_and_come_back(client: modal.Client, version: int, tmp_path: Path) -> None:
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "a.txt").write_text("a")
    (tmp_path / "tree" / "deep" / "ü b.txt").write_text("b")
    large = b"start" + bytes(BLOCK) + b"middle" + bytes(100)  # two blocks, with zeros at the ends of both
    ours = modal.Volume.from_name("v", create_if_missing=True, version=version, client=client)
    async with ours.batch_upload.aio() as batch:
        batch.put_directory(tmp_path / "tree", "/tree")
        batch.put_file(io.BytesIO(large), "/large.bin")
        batch.put_file(io.BytesIO(b""), "/empty")
    assert b"".join([piece async for piece in ours.read_file.aio("/large.bin")]) == large
    assert b"".join([piece async for piece in ours.read_file.aio("tree/deep/ü b.txt")]) == b"b"
    assert b"".join([piece async for piece in ours.read_file.aio("empty")]) == b""
    assert sorted(entry.path for entry in await ours.listdir.aio("/")) == ["empty", "large.bin", "tree"]
    below = {entry.path: entry.size for entry in await ours.listdir.aio("/", recursive=True)}
    assert below["large.bin"] == len(large)
    assert "tree/deep/ü b.txt" in below
    await ours.copy_files.aio(["large.bin"], "copy.bin")
    await ours.remove_file.aio("large.bin")
    with pytest.raises(FileNotFoundError):
        await ours.remove_file.aio("large.bin")
    with pytest.raises(FileNotFoundError):
        _ = [piece async for piece in ours.read_file.aio("large.bin")]
    assert b"".join([piece async for piece in ours.read_file.aio("copy.bin")]) == large
    await ours.remove_file.aio("tree", recursive=True)
    assert sorted(entry.path for entry in await ours.listdir.aio("/")) == ["copy.bin", "empty"]


async def upload(volume: modal.Volume, *paths: str) -> None:
    async with volume.batch_upload.aio() as batch:
        for path in paths:
            batch.put_file(io.BytesIO(b"new"), path)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_file_is_only_replaced_by_force_and_all_or_nothing_is_written(
    client: modal.Client, version: int
) -> None:
    ours = modal.Volume.from_name("v", create_if_missing=True, version=version, client=client)
    async with ours.batch_upload.aio() as batch:
        batch.put_file(io.BytesIO(b"old"), "/a")
    with pytest.raises(FileExistsError):
        await upload(ours, "/new", "/a")
    assert [entry.path for entry in await ours.listdir.aio("/")] == ["a"]
    async with ours.batch_upload.aio(force=True) as batch:
        batch.put_file(io.BytesIO(b"new"), "/a")
    assert b"".join([piece async for piece in ours.read_file.aio("a")]) == b"new"


async def test_nothing_outside_of_a_volume_can_be_reached(client: modal.Client, plane: Plane) -> None:
    ours = modal.Volume.from_name("v", create_if_missing=True, version=2, client=client)
    (plane.folder / "secret.txt").write_text("not yours")
    with pytest.raises(InvalidError, match="out of the volume"):
        _ = [piece async for piece in ours.read_file.aio("../../secret.txt")]
    with pytest.raises(InvalidError, match="out of the volume"):
        await upload(ours, "/../../secret.txt")
    async with aiohttp.ClientSession() as http:
        url = f"{plane.blob_url}/volumes/{ours.object_id}/..%2f..%2fsecret.txt?start=0&len=9"
        async with http.get(url) as reply:
            assert reply.status == 404
    assert (plane.folder / "secret.txt").read_text() == "not yours"


async def test_a_deleted_volume_leaves_no_files(client: modal.Client, plane: Plane) -> None:
    ours = modal.Volume.from_name("v", create_if_missing=True, client=client)
    await ours.hydrate.aio()
    folder: Path = plane.parts["volumes"].folder(ours.object_id)
    (folder / "written-by-a-container").write_text("x")
    assert [entry.path for entry in await ours.listdir.aio("/")] == ["written-by-a-container"]
    await modal.Volume.rename.aio("v", "w", client=client)
    await modal.Volume.objects.delete.aio("w", client=client)
    assert list((plane.folder / "volumes").rglob("vo-*")) == []


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


async def put(http: aiohttp.ClientSession, url: str, data: bytes) -> str:
    async with http.put(url, data=io.BytesIO(data)) as reply:
        assert reply.status == 200
        return reply.headers["ETag"]


async def test_a_blob_is_put_and_fetched_over_http_and_its_etag_is_the_md5(plane: Plane) -> None:
    data = bytes(range(256)) * 20_000
    made = plane.parts["blobs"].create(len(data))
    assert plane.parts["blobs"].address(made.blob_ids[0]) is None
    async with aiohttp.ClientSession() as http:
        etag = await put(http, made.upload_urls.items[0], data)
        assert etag == f'"{md5(data)}"'
        async with http.get(plane.parts["blobs"].address(made.blob_ids[0])) as reply:
            assert await reply.read() == data


async def test_a_refusal_that_quotes_a_very_long_name_arrives(client: modal.Client) -> None:
    async with asyncio.timeout(20):  # it stood still for half a minute
        with pytest.raises(NotFoundError, match="xxx"):
            await modal.Function.from_name("x" * 300_000, "f", client=client).hydrate.aio()


async def test_a_blob_of_no_possible_length_or_part_is_refused_at_once(plane: Plane) -> None:
    store: blobs.Blobs = plane.parts["blobs"]
    for length in (-1, 2**62):
        with pytest.raises(GRPCError, match=f"a blob of {length} bytes"):
            store.create(length)
    url = store.create(1).upload_urls.items[0]
    async with aiohttp.ClientSession() as http:
        for wrong in (f"{url}/complete", f"{url}/complete?parts=99999999999", f"{url}/complete?parts=-1"):
            async with http.post(wrong) as reply:
                assert reply.status == 400, wrong
        async with http.put(f"{url}/parts/abc", data=b"x") as reply:
            assert reply.status == 400


async def test_a_long_blob_comes_in_parts(plane: Plane) -> None:
    store: blobs.Blobs = plane.parts["blobs"]
    store.part_length = 1_000
    data = bytes(range(250)) * 9
    [parts] = store.create(len(data)).multiparts.items
    assert len(parts.upload_urls) == 3
    async with aiohttp.ClientSession() as http:
        etags = [
            await put(http, url, data[at * 1_000 : (at + 1) * 1_000]) for at, url in enumerate(parts.upload_urls)
        ]
        async with http.post(parts.completion_url, data=b"<xml/>") as reply:
            told = await reply.text()
        joined = md5(b"".join(bytes.fromhex(etag.strip('"')) for etag in etags))
        assert f"{joined}-3" in told
        async with http.post(parts.completion_url) as again:
            assert again.status == 400
    assert [file.read_bytes() for file in (plane.folder / "blobs").rglob("bl-*")] == [data]


async def test_the_oldest_blobs_make_room_for_new_ones(plane: Plane) -> None:
    store: blobs.Blobs = plane.parts["blobs"]
    store.kept_bytes = 25
    ids = [store.keep(b"0123456789") for _ in range(3)]
    store.create(1)
    assert sum(store.read(blob_id) is not None for blob_id in ids) == 2


async def test_a_page_that_points_its_own_name_here_is_turned_away(plane: Plane) -> None:
    blob_id = plane.parts["blobs"].keep(b"private")
    async with aiohttp.ClientSession() as http:
        url = plane.parts["blobs"].address(blob_id)
        async with http.get(url, headers={"Host": "evil.example"}) as reply:
            assert reply.status == 421
        async with http.get(url, headers={"Host": "localhost:80"}) as reply:
            assert reply.status == 200


async def test_a_folder_that_is_used_again_brings_nothing_back(tmp_path: Path) -> None:
    for _ in range(2):
        async with Plane.open(tmp_path / "plane") as plane:
            store: blobs.Blobs = plane.parts["blobs"]
            made = store.create(1)
            assert store.address(made.blob_ids[0]) is None
            async with aiohttp.ClientSession() as http:
                await put(http, made.upload_urls.items[0], b"x")
            assert store.read(made.blob_ids[0]) == b"x"
