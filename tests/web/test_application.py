"""Applications of one process: their routes may be the same objects, what they serve is their own."""

from contextlib import ExitStack
from pathlib import Path

from tests.web.house import HTTPS, House, new_chat


def test_applications_side_by_side_keep_to_themselves(tmp_path: Path, database: Path) -> None:
    with ExitStack() as open_:
        houses = []
        for name, settings in (("plain", {}), ("behind https", HTTPS)):
            (tmp_path / name).mkdir()
            houses.append(House(tmp_path / name, database, **settings))
        plain, secure = (open_.enter_context(house.open()) for house in houses)
        assert plain.app.routes is secure.app.routes
        chat = new_chat(plain)
        assert plain.get(f"/chats/{chat}").status_code == 200
        secure.cookies.update(plain.cookies)
        assert secure.get(f"/chats/{chat}").status_code == 404
        assert ["strict-transport-security" in each.get("/").headers for each in (plain, secure)] == [False, True]
        del plain.headers["sec-fetch-site"], secure.headers["sec-fetch-site"]
        foreign = {"origin": HTTPS["public_url"], "host": "behind.a.proxy"}
        answers = [each.post("/characters/socrates/chats", headers=foreign) for each in (plain, secure)]
        assert [answer.status_code for answer in answers] == [403, 200]
