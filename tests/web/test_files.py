"""The page of one's files: sending, fetching, keeping, removing and undoing, with and without its script."""

import asyncio
import io
import json
import re
import zipfile
from typing import Any

import pytest
from litestar.testing import TestClient

from domain.filing.model import Read
from domain.filing.naming import key_of
from domain.people import User
from tests.web.house import HTMX, House, new_chat
from tests.web.objects import chat_of
from tests.web.test_api_files import HTML, PDF
from tests.web.test_attachments import JPEG, PNG, ready
from tests.web.test_knowledge import sign_in, words
from tests.web.test_knowledge_pages import well_formed
from tests.web.visitors import account, filed
from web.csrf import IN_STREAM

Client = TestClient[Any]
JSON = {"accept": "application/json"}


@pytest.fixture
def anna(house: House, client: Client) -> User:
    user = account(house)
    sign_in(house, client, user)
    return user


def send(
    client: Client, body: bytes = PDF, name: str = "letter.pdf", area: str = "temporary",
    headers: dict[str, str] | None = None,
) -> Any:  # fmt: skip
    files = {"file": (name, body)}
    return client.post("/files", data={"area": area}, files=files, headers=headers, follow_redirects=False)


def test_an_empty_page_says_what_to_do(client: Client, anna: User) -> None:
    page = client.get("/files")
    assert page.status_code == 200
    assert "No files yet" in page.text and "0 / 20" in page.text and "0 B / 200 MB" in page.text
    assert page.headers["cache-control"] == "no-store"
    well_formed(page.text)


def test_guests_are_told_to_sign_in(client: Client) -> None:
    for answer in (client.get("/files"), send(client)):
        assert answer.status_code == 403
        assert "/sign-in" in answer.text


def test_a_file_that_was_sent_is_on_the_list(house: House, client: Client, anna: User) -> None:
    answer = send(client, name="<b>信</b>.pdf")
    assert (answer.status_code, answer.headers["location"]) == (303, "/files?done=file-kept")
    page = client.get(answer.headers["location"])
    assert "It is among your files." in words(page.text)
    assert "b_.pdf" in page.text
    assert "<b>信" not in page.text
    assert "1 / 20" in page.text and "100 KB / 200 MB" in page.text
    well_formed(page.text)
    [file] = house.filing.cabinet.owned(anna.id)
    got = client.get(f"/files/{file.id}/content")
    assert got.content == PDF
    assert got.headers["content-disposition"].startswith("attachment;")


def test_head_tells_what_a_download_would_be_and_reads_nothing(house: House, client: Client, anna: User) -> None:
    file_id = send(client, headers=JSON).json()["file_id"]
    (house.config.data_dir / "files" / key_of(file_id)).unlink()  # whoever opened it would notice
    address = f"/files/{file_id}/content"
    head = client.head(address, headers={"range": "bytes=0-3"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(PDF))
    assert head.headers["accept-ranges"] == "bytes" and head.headers["etag"]
    assert head.headers["content-disposition"].startswith("attachment;")
    assert client.head(address, headers={"if-none-match": head.headers["etag"]}).status_code == 304
    assert client.head(f"/files/{filed(house, account(house).id)}/content").status_code == 404


def test_the_script_sends_one_by_one_and_is_answered_in_json(client: Client, anna: User) -> None:
    kept = send(client, area="permanent", headers=JSON)
    assert kept.status_code == 201
    assert (kept.json()["name"], kept.json()["expires_at"]) == ("letter.pdf", None)
    refused = send(client, HTML, "holiday.png", headers=JSON)
    assert (refused.status_code, refused.json()["code"]) == (400, "file_mislabelled")
    assert refused.json()["message"].startswith("The name says that this is something else")


def test_without_the_script_the_page_says_what_was_wrong(client: Client, anna: User) -> None:
    answer = send(client, HTML, "holiday.png")
    assert answer.status_code == 400
    assert "The name says that this is something else" in words(answer.text)
    well_formed(answer.text)


def test_a_file_is_removed_brought_back_and_kept(house: House, client: Client, anna: User) -> None:
    file_id = send(client, headers=JSON).json()["file_id"]
    gone = client.post(f"/files/{file_id}/remove", follow_redirects=False)
    assert gone.headers["location"] == f"/files?removed={file_id}"
    page = client.get(gone.headers["location"]).text
    assert f"/files/{file_id}/restore" in page and "No files yet" in page
    assert client.post(f"/files/{file_id}/restore", follow_redirects=False).status_code == 303
    row = client.post(f"/files/{file_id}/permanent", headers=HTMX, follow_redirects=False)
    assert row.text.strip().startswith("<li") and "Kept until" not in row.text
    row = client.post(f"/files/{file_id}/remove", headers=HTMX, follow_redirects=False)
    assert "“letter.pdf” was removed." in words(row.text)
    assert "letter.pdf" in client.post(f"/files/{file_id}/restore", headers=HTMX, follow_redirects=False).text
    assert client.get(f"/files/{file_id}/content").content == PDF


def test_a_picture_of_a_chat_is_one_thing_with_what_the_character_gets_of_it(
    house: House, client: Client, anna: User
) -> None:
    send(client)
    house.reader.found["sea.png"] = Read(kind="image", media_type="image/png", image=JPEG, width=640, height=480)
    chat = new_chat(client)
    place = f"/chats/{chat}/attachments/{ready(client, chat, 'sea.png', PNG)}"
    ids = {each.name: f'id="file-{each.id}"' for each in house.filing.cabinet.owned(anna.id)}
    page = client.get("/files").text
    well_formed(page)
    things = re.findall(r'(?s)<li class="together">(.*?)</ul></li>', page)
    assert len(things) == 1 and ids["letter.pdf"] in page and ids["letter.pdf"] not in things[0]
    assert ids["sea.png"] in things[0] and ids["sea.jpg"] in things[0]
    assert things[0].index("sea.png") < things[0].index("sea.jpg") < things[0].index("as the character gets it")
    assert "1 / 20" in page
    quota = asyncio.run(house.filing.cabinet.quota(anna.id))
    assert quota.bytes == len(PDF) + len(PNG) + len(JPEG)
    original = next(each for each in house.filing.cabinet.owned(anna.id) if each.name == "sea.png")
    client.post(f"/files/{original.id}/remove")
    alone = client.get("/files").text
    assert "together" not in alone and "sea.jpg" in alone and "sea.png" not in alone
    assert "read__picture" in client.get(place).text  # which is the character's


def test_nobody_elses(house: House, client: Client, anna: User) -> None:
    others = filed(house, account(house).id)
    for method, path in (
        ("GET", "/content"), ("POST", "/remove"), ("POST", "/restore"), ("POST", "/permanent")
    ):  # fmt: skip
        assert client.request(method, f"/files/{others}{path}", follow_redirects=False).status_code == 404
    assert others not in client.get("/files").text


def test_a_form_without_its_word_is_refused_before_its_file_is_read(
    house: House, client: Client, anna: User
) -> None:
    word = client.headers.pop("x-csrf-token")
    for fields, status in (({}, 403), ({"csrf": "forged"}, 403), ({"csrf": word}, 303)):
        files = {"file": ("letter.pdf", PDF)}
        answer = client.post("/files", data={**fields, "area": "permanent"}, files=files, follow_redirects=False)
        assert answer.status_code == status
    body = (  # the word after the file is too late
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-1.7\r\n'
        b'--b\r\ncontent-disposition: form-data; name="csrf"\r\n\r\n' + word.encode() + b"\r\n--b--\r\n"
    )
    late = client.post("/files", content=body, headers={"content-type": "multipart/form-data; boundary=b"})
    assert late.status_code == 403
    elsewhere = client.post(
        "/files", files={"file": ("a.pdf", PDF)}, headers={"sec-fetch-site": "cross-site", "x-csrf-token": word}
    )
    assert elsewhere.status_code == 403
    assert len(house.filing.cabinet.owned(anna.id)) == 1


def test_nor_is_anything_attached_without_the_word(house: House, client: Client, anna: User) -> None:
    place = f"/chats/{new_chat(client)}/attachments"
    word = client.headers.pop("x-csrf-token")
    file = {"file": ("a.pdf", PDF)}
    forms: list[dict[str, Any]] = [
        {"files": file}, {"files": {"url": (None, "coast.example")}}, {"data": {"url": "coast.example"}},
    ]  # fmt: skip
    for form in forms:
        assert client.post(place, **form).status_code == 403
        assert client.post(place, **{**form, "data": {**form.get("data", {}), "csrf": "forged"}}).status_code == 403
        assert client.post(place, **{**form, "data": {**form.get("data", {}), "csrf": word}}).status_code == 201
    assert len(house.filing.cabinet.owned(anna.id)) == 1


def test_only_who_reads_forms_piece_by_piece_asks_for_the_word_by_themselves(house: House) -> None:
    streamed = {
        route.path
        for route in house.app.routes
        for handler in getattr(route, "route_handlers", [])
        if handler.opt.get(IN_STREAM)
    }
    # Their handlers call web.uploads, as the tests above show.
    assert streamed == {"/files", "/chats/{chat_id:str}/attachments"}


def test_where_the_plan_is_what_gives_too_little_the_page_offers_a_better_one(
    house: House, client: Client, anna: User
) -> None:
    house.allowances.limits["files"] = 0
    answer = send(client, headers=JSON)
    assert answer.status_code == 402
    assert "/membership" in answer.json()["html"]


def test_a_chat_is_saved_from_its_room(house: House, client: Client, anna: User) -> None:
    chat = chat_of(house.chats, anna.id)["chat_id"]
    room = client.get(f"/chats/{chat}").text
    assert f'action="/chats/{chat}/save"' in room and "data-save-chat" in room
    saved = client.post(f"/chats/{chat}/save", data={"audio": "1"}, headers=JSON)
    assert saved.status_code == 201
    assert len(saved.json()["file_ids"]) == 3
    page = client.get("/files").text
    assert page.count("saved conversation") == 3
    plain = client.post(f"/chats/{chat}/save", follow_redirects=False)
    assert plain.headers["location"] == "/files?done=chat-saved"
    assert len(house.filing.cabinet.owned(anna.id)) == 2
    others = chat_of(house.chats, account(house).id)["chat_id"]
    assert client.post(f"/chats/{others}/save", headers=JSON).status_code == 404


def test_a_guest_is_offered_to_sign_in_instead(client: Client) -> None:
    chat = new_chat(client)
    room = client.get(f"/chats/{chat}").text
    assert f"/sign-in?next=/chats/{chat}" in room and "data-save-chat" not in room
    assert client.post(f"/chats/{chat}/save", headers=JSON).status_code == 403


def test_everything_is_taken_along(house: House, client: Client, anna: User) -> None:
    kept = send(client, area="permanent", headers=JSON).json()
    removed = send(client, headers=JSON).json()
    client.post(f"/files/{removed['file_id']}/remove")
    with zipfile.ZipFile(io.BytesIO(client.post("/account/export").content)) as archive:
        assert archive.testzip() is None
        names = [name for name in archive.namelist() if name.startswith("files")]
        assert names == ["files.json", f"files/{kept['file_id']}/letter.pdf"]
        assert archive.read(names[1]) == PDF
        assert [each["id"] for each in json.loads(archive.read("files.json"))] == [kept["file_id"]]
        assert "files.json" in archive.read("README.txt").decode()


def test_the_page_in_chinese(client: Client, anna: User) -> None:
    send(client)
    page = client.get("/files", headers={"accept-language": "zh-CN"}).text
    assert "你的文件" in page and "保留 24 小时" in page
    english = re.findall(r">([A-Za-z][a-z]+ [a-z]+[^<]*)<", page)
    assert english == []


