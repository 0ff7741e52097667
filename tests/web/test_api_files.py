"""/api/files and /chat/api/chat/save: files for programs."""

import hashlib
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from domain.limits import LIMITS
from domain.people import User
from tests.web.house import House
from tests.web.objects import chat_of
from tests.web.test_api_web import bearer, told_truly
from tests.web.visitors import account, filed

Client = TestClient[Any]
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 400
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!DOCTYPE html><script>alert(document.cookie)</script>"


@pytest.fixture
def anna(house: House) -> User:
    return account(house)


@pytest.fixture
def token(house: House, anna: User) -> dict[str, str]:
    return bearer(house, anna)


def upload(
    client: Client, token: dict[str, str], body: bytes = PDF, name: str = "letter.pdf", **fields: str
) -> httpx.Response:
    headers = {**token, **({"idempotency-key": fields.pop("key")} if "key" in fields else {})}
    return client.post("/api/files", headers=headers, data=fields, files={"file": (name, body, "image/png")})


def on_disk(house: House) -> list[str]:
    return [path.name for path in (house.config.data_dir / "files").rglob("*") if path.is_file()]


def test_a_file_is_sent_listed_fetched_kept_and_deleted(
    house: House, client: Client, token: dict[str, str]
) -> None:
    sent = upload(client, token, name="信 letter.pdf")
    assert sent.status_code == 201
    file = told_truly(sent, "/api/files")
    assert (file["name"], file["media_type"], file["size"]) == ("信 letter.pdf", "application/pdf", len(PDF))
    assert (file["area"], file["sha256"]) == ("temporary", hashlib.sha256(PDF).hexdigest())
    assert file["expires_at"] > file["created_at"]

    listed = told_truly(client.get("/api/files", headers=token), "/api/files")
    assert listed["files"] == [file]
    assert listed["room"] == {"files": 1, "bytes": len(PDF), "most_files": 20, "most_bytes": 200 * 1024 * 1024}
    assert told_truly(client.get(f"/api/files/{file['file_id']}", headers=token), "/api/files/{file_id}") == file

    fetched = client.get(file["content"], headers=token)
    assert fetched.content == PDF
    assert fetched.headers["content-type"] == "application/pdf"
    kept = client.post(f"/api/files/{file['file_id']}/permanent", headers=token)
    assert told_truly(kept, "/api/files/{file_id}/permanent")["expires_at"] is None

    gone = client.delete(f"/api/files/{file['file_id']}", headers=token)
    assert told_truly(gone, "/api/files/{file_id}")["file_id"] == file["file_id"]
    assert client.get(file["content"], headers=token).status_code == 404
    back = client.post(f"/api/files/{file['file_id']}/restore", headers=token)
    assert told_truly(back, "/api/files/{file_id}/restore")["area"] == "permanent"
    assert client.get(file["content"], headers=token).content == PDF
    assert on_disk(house) == [file["file_id"]]


@pytest.mark.parametrize(("name", "body"), [("a.svg", SVG), ("a.html", HTML), ("notes", HTML), ("a.txt", b"words")])
def test_nothing_is_ever_shown_as_a_page(client: Client, token: dict[str, str], name: str, body: bytes) -> None:
    file = upload(client, token, body, name).json()
    answer = client.get(file["content"], headers=token)
    assert answer.content == body
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="{name}"')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'; sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("sent", "kept", "plain"),
    [
        ("../../../etc/cron.d/x.pdf", "x.pdf", "x.pdf"),
        ("C:\\fakepath\\letter.pdf", "letter.pdf", "letter.pdf"),
        ("a\u202efdp.pdf", "afdp.pdf", "afdp.pdf"),
        ('a"; filename=evil.exe.pdf', "a_; filename=evil.exe.pdf", "a__ filename_evil.exe.pdf"),
        ("美德.pdf", "美德.pdf", "__.pdf"),
        ("x" * 900 + ".pdf", "x" * 116 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_names_are_shown_and_reach_neither_the_disk_nor_a_header(
    house: House, client: Client, token: dict[str, str], sent: str, kept: str, plain: str
) -> None:
    file = upload(client, token, name=sent).json()
    assert file["name"] == kept
    assert on_disk(house) == [file["file_id"]]
    header = client.get(file["content"], headers=token).headers["content-disposition"]
    assert header.startswith(f'attachment; filename="{plain}"; filename*=UTF-8\'\'')
    assert "\r" not in header and "\n" not in header


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("empty.pdf", b"", "file_empty"),
        ("holiday.png", HTML, "file_mislabelled"),
        ("holiday.png", SVG, "file_mislabelled"),
        ("tool.bin", b"MZ" + bytes(300), "file_unknown"),
        ("tool", b"\x7fELF" + bytes(300), "file_unknown"),
        ("noise", bytes(1_000), "file_unknown"),
    ],
)
def test_what_is_no_file_of_ours_is_refused_in_words(
    house: House, client: Client, token: dict[str, str], name: str, body: bytes, code: str
) -> None:
    answer = upload(client, token, body, name)
    assert (answer.status_code, told_truly(answer, "/api/files")["code"]) == (400, code)
    assert on_disk(house) == []
    assert client.get("/api/files", headers=token).json()["room"]["files"] == 0


FORM, PART = "multipart/form-data; boundary=b", b"--b\r\ncontent-disposition: form-data; name="


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=" + "b" * 300, b"x"),
        (FORM, b"no boundary at all"),
        (FORM, b"--b\r\nno header\r\n\r\nx\r\n--b--\r\n"),
        (FORM, PART + b'"area"\r\n\r\ntemporary\r\n--b--\r\n'),
        (FORM, PART + b'"file"; filename="a.txt"\r\n\r\nhalf'),
        (FORM, PART + b'"area"\r\n\r\n\xff\xfe\r\n' + PART + b'"file"; filename="a.txt"\r\n\r\nx\r\n--b--\r\n'),
        (FORM, PART + b'"file"; filename="\xff.txt"\r\n\r\nx\r\n--b--'),
        (FORM, PART + b'"' + b"x" * 9_000 + b'"\r\n\r\nx\r\n--b--'),
        (FORM, PART + b'"a"\r\n\r\n' + b"x" * 9_000 + b"\r\n--b--"),
        (FORM, (PART + b'"a"\r\n\r\nx\r\n') * 40 + b"--b--"),
        ("application/x-www-form-urlencoded", b"file=x"),
        ("application/json", b"{}"),
        ("application/octet-stream", PDF),
    ],
)
def test_bodies_that_are_no_form_with_a_file_are_refused(
    house: House, client: Client, token: dict[str, str], content_type: str, body: bytes
) -> None:
    answer = client.post("/api/files", content=body, headers={**token, "content-type": content_type})
    assert (answer.status_code, answer.json()["code"]) in ((400, "form_unreadable"), (400, "field_empty"))
    assert on_disk(house) == []
    assert client.get("/api/files", headers=token).json()["room"]["bytes"] == 0


def test_two_files_in_one_form_leave_none(house: House, client: Client, token: dict[str, str]) -> None:
    files = [("file", ("a.pdf", PDF)), ("file", ("b.pdf", PDF))]
    answer = client.post("/api/files", files=files, headers=token)
    assert (answer.status_code, answer.json()["code"]) == (400, "form_bad")
    assert on_disk(house) == []


def test_the_area_is_one_of_two(house: House, client: Client, token: dict[str, str]) -> None:
    assert upload(client, token, area="permanent").json()["expires_at"] is None
    answer = upload(client, token, area="elsewhere")
    assert (answer.status_code, answer.json()["field"]) == (400, "area")
    assert len(on_disk(house)) == 1


def test_too_large_is_refused_before_it_is_read_and_while(house: House, client: Client, token: dict[str, str]) -> None:
    announced = client.post(
        "/api/files", content=b"x", headers={**token, "content-type": "multipart/form-data; boundary=b",
                                             "content-length": str(60 * 1024 * 1024)},
    )  # fmt: skip
    assert announced.status_code == 413

    def unannounced() -> Any:
        yield b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-1.7\n'
        for _ in range(60):
            yield bytes(1024 * 1024)
        yield b"\r\n--b--\r\n"

    answer = client.post(
        "/api/files", content=unannounced(), headers={**token, "content-type": "multipart/form-data; boundary=b"}
    )
    assert (answer.status_code, answer.json()["code"]) in ((413, "too_large"), (413, "file_large"))
    assert on_disk(house) == []


def test_the_same_key_is_the_same_file(house: House, client: Client, token: dict[str, str], anna: User) -> None:
    first, second = (upload(client, token, key="upload 7").json() for _ in range(2))
    assert first == second
    other = upload(client, token, PDF + b"!", key="upload 7")
    assert (other.status_code, other.json()["code"]) == (409, "key_used")
    assert upload(client, bearer(house, account(house)), key="upload 7").json()["file_id"] != first["file_id"]
    assert upload(client, token, key="k" * 201).json()["code"] == "key_bad"
    assert len(on_disk(house)) == 2


@pytest.mark.parametrize(
    ("asked", "status", "told", "start", "end"),
    [
        ("bytes=0-0", 206, "bytes 0-0/{}", 0, 1),
        ("bytes=5-99", 206, "bytes 5-99/{}", 5, 100),
        ("bytes=100-", 206, None, 100, None),
        ("bytes=-7", 206, None, -7, None),
        ("bytes=0-999999999", 200, "", 0, None),
        ("bytes=9-5", 200, "", 0, None),
        ("bytes=0-4,8-9", 200, "", 0, None),
        ("lines=1-2", 200, "", 0, None),
        ("bytes=" + "9" * 40 + "-", 200, "", 0, None),
    ],
)
def test_ranges(
    client: Client, token: dict[str, str], asked: str, status: int, told: str | None, start: int, end: int | None
) -> None:
    file = upload(client, token).json()
    answer = client.get(file["content"], headers={**token, "range": asked})
    assert (answer.status_code, answer.content) == (status, PDF[start:end])
    assert answer.headers["content-length"] == str(len(PDF[start:end]))
    if told is not None:
        assert answer.headers.get("content-range", "") == told.format(len(PDF))


def test_a_range_behind_the_end_and_one_of_another_file(client: Client, token: dict[str, str]) -> None:
    file = upload(client, token).json()
    beyond = client.get(file["content"], headers={**token, "range": f"bytes={len(PDF)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(PDF)}")
    assert client.get(file["content"], headers={**token, "range": "bytes=-0"}).status_code == 416
    etag = client.get(file["content"], headers=token).headers["etag"]
    changed = client.get(file["content"], headers={**token, "range": "bytes=0-1", "if-range": '"another"'})
    assert (changed.status_code, changed.content) == (200, PDF)
    assert client.get(file["content"], headers={**token, "range": "bytes=0-1", "if-range": etag}).status_code == 206
    for tags in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        assert client.get(file["content"], headers={**token, "if-none-match": tags}).status_code == 304


def test_owners_only(house: House, client: Client, token: dict[str, str]) -> None:
    file = upload(client, token).json()
    others = [bearer(house, account(house, role)) for role in ("user", "member", "admin")]
    for headers in others:
        for method, path in (
            ("GET", ""), ("GET", "/content"), ("DELETE", ""), ("POST", "/restore"), ("POST", "/permanent")
        ):  # fmt: skip
            answer = client.request(method, f"/api/files/{file['file_id']}{path}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "file_gone"), (method, path)
        assert client.get("/api/files", headers=headers).json()["files"] == []
    assert client.get(file["content"]).status_code == 401
    assert client.get(file["content"], headers=token).status_code == 200


def test_pages_of_the_list_follow_one_another(house: House, client: Client, token: dict[str, str], anna: User) -> None:
    ids = [filed(house, anna.id) for _ in range(5)]
    first = client.get("/api/files?limit=3", headers=token).json()
    rest = client.get(f"/api/files?limit=3&before={first['next']}", headers=token).json()
    assert sorted(file["file_id"] for file in first["files"] + rest["files"]) == sorted(ids)
    assert rest["next"] == ""
    for query in ("limit=0", "limit=101", "limit=x"):
        assert client.get(f"/api/files?{query}", headers=token).status_code == 400


def test_a_plan_that_gives_less_answers_402(house: House, client: Client, token: dict[str, str]) -> None:
    house.allowances.limits["files"] = 1
    assert upload(client, token).status_code == 201
    answer = upload(client, token)
    assert answer.status_code == 402
    told = answer.json()
    assert (told["code"], told["message"]) == ("files_full", "There is room for 1 files. Delete one first.")
    assert len(on_disk(house)) == 1


def test_a_store_that_is_away_answers_503_and_leaves_nothing(
    house: House, client: Client, token: dict[str, str]
) -> None:
    folder = house.config.data_dir / "files"
    folder.rmdir()
    folder.write_text("no folder")
    answer = upload(client, token)
    assert (answer.status_code, answer.json()["code"], answer.json()["retry"]) == (503, "storage_unavailable", True)
    folder.unlink()
    assert upload(client, token).status_code == 201
    assert len(on_disk(house)) == 1


def test_bytes_that_were_lost_are_a_file_that_is_gone(house: House, client: Client, token: dict[str, str]) -> None:
    file = upload(client, token).json()
    for path in (house.config.data_dir / "files").rglob(file["file_id"]):
        path.unlink()
    answer = client.get(file["content"], headers=token)
    assert (answer.status_code, answer.json()["code"]) == (404, "file_gone")


def test_who_sends_without_end_is_asked_to_wait(
    house: House, client: Client, token: dict[str, str], anna: User
) -> None:
    for _ in range(LIMITS["upload"].most):
        house.services.members.gate.check_now("upload", anna.id)
    answer = upload(client, token)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert on_disk(house) == []


# -- saved chats --------------------------------------------------------------------------------------


def save(client: Client, token: dict[str, str], chat_id: str, **more: Any) -> httpx.Response:
    return client.post("/chat/api/chat/save", json={"chat_id": chat_id, **more}, headers=token)


def test_a_chat_is_saved_with_one_call(house: House, client: Client, token: dict[str, str], anna: User) -> None:
    chat = chat_of(house.chats, anna.id)["chat_id"]
    answer = save(client, token, chat)
    assert answer.status_code == 201
    told = told_truly(answer, "/chat/api/chat/save")
    assert told["file_ids"] == [file["file_id"] for file in told["files"]]
    assert [(file["name"].rpartition(".")[2], file["media_type"]) for file in told["files"]] == [
        ("md", "text/markdown"), ("json", "application/json"),
    ]  # fmt: skip
    assert {(file["area"], file["purpose"], file["chat_id"]) for file in told["files"]} == {
        ("permanent", "chat", chat)
    }
    words, data = (client.get(file["content"], headers=token) for file in told["files"])
    assert "**You:** Who are you?" in words.text
    assert data.json()["messages"][1]["text"] == "A friend."
    assert "A friend." not in house.mouth.spoken


def test_its_sound_is_what_the_character_says_spoken_again(
    house: House, client: Client, token: dict[str, str], anna: User
) -> None:
    chat = chat_of(house.chats, anna.id)["chat_id"]
    told = save(client, token, chat, audio=True).json()
    sound = told["files"][2]
    assert (sound["name"].rpartition(".")[2], sound["media_type"]) == ("ogg", "audio/ogg")
    body = client.get(sound["content"], headers=token).content
    assert body.startswith(b"OggS") and b"OpusHead" in body[:100]
    assert "A friend." in " ".join(house.mouth.spoken)
    assert "Who are you?" not in " ".join(house.mouth.spoken)


def test_saving_again_replaces_unless_both_are_wanted(
    house: House, client: Client, token: dict[str, str], anna: User
) -> None:
    chat = chat_of(house.chats, anna.id)["chat_id"]
    first = save(client, token, chat).json()
    second = save(client, token, chat, area="temporary").json()
    listed = [file["file_id"] for file in client.get("/api/files", headers=token).json()["files"]]
    assert sorted(listed) == sorted(second["file_ids"])
    assert set(first["file_ids"]) & set(on_disk(house)) == set()
    assert second["files"][0]["expires_at"] is not None
    save(client, token, chat, keep=True)
    assert len(client.get("/api/files", headers=token).json()["files"]) == 4


def test_saving_needs_the_chat_to_be_ones_own_and_something_said(
    house: House, client: Client, token: dict[str, str], anna: User
) -> None:
    others = chat_of(house.chats, account(house).id)["chat_id"]
    for chat in (others, "nobodys", "../../x", "", "x" * 100):
        answer = save(client, token, chat)
        assert (answer.status_code, answer.json()["code"]) == (404, "chat_gone"), chat
    empty = house.chats.create(anna.id, "socrates", "en", "", house.clock.now()).id
    assert save(client, token, empty).json()["code"] == "chat_empty"
    mine = chat_of(house.chats, anna.id)["chat_id"]
    for wrong in ({"audio": "yes"}, {"area": "elsewhere"}, {"more": 1}):
        assert save(client, token, mine, **wrong).status_code == 400
    assert client.post("/chat/api/chat/save", json={"chat_id": mine}).status_code == 401
    assert on_disk(house) == []


def test_a_plan_without_saved_chats_is_told_before_anything_is_spoken(
    house: House, client: Client, token: dict[str, str], anna: User
) -> None:
    house.allowances.limits["saved_chats"] = 0
    answer = save(client, token, chat_of(house.chats, anna.id)["chat_id"], audio=True)
    assert (answer.status_code, answer.json()["code"]) == (402, "saves_not_given")
    assert "A friend." not in house.mouth.spoken
    house.allowances.limits["saved_chats"] = 1
    assert save(client, token, chat_of(house.chats, anna.id)["chat_id"]).status_code == 201
    assert save(client, token, chat_of(house.chats, anna.id)["chat_id"]).json()["code"] == "chats_full"


def test_a_voice_that_is_away_saves_nothing(house: House, client: Client, token: dict[str, str], anna: User) -> None:
    house.mouth.error = "tts_failed"
    answer = save(client, token, chat_of(house.chats, anna.id)["chat_id"], audio=True)
    assert (answer.status_code, answer.json()["code"]) == (503, "tts_failed")
    assert on_disk(house) == []


def test_a_cookie_says_nothing_at_the_addresses_of_programs(house: House, client: Client, anna: User) -> None:
    from tests.web.test_knowledge import sign_in

    chat = chat_of(house.chats, anna.id)["chat_id"]
    sign_in(house, client, anna)
    for path, body in (("/chat/api/chat/save", {"chat_id": chat}), ("//chat//api/chat/save", {"chat_id": chat})):
        assert client.post(path, json=body).status_code in (401, 404)
    assert client.get("/api/files").status_code == 401


