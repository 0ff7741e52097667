"""Accounts as people meet them: in pages and mail, from the first form to the last."""

import html
import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from domain.chat import Message
from domain.desk import GRACE, PROVED
from domain.errors import NotAllowed
from tests.web.accounts import ANNA, NEWER, PASSWORD, Client, Home, beside, csrf, register, send, sign_in, signed_in
from tests.web.house import HTMX, HTTPS, key
from web.routes.account_data import as_long_as

HOSTILE = [
    "\0", "a\0b", "\ud800", "x" * 50_000, "\u202eanna\u202c", "{{ 1234567 * 7 }}", "${1234567*7}", "' OR 1=1 --",
    "a\r\nset-cookie: x=1", "<script>alert(1)</script>", "%00", "../../etc/passwd", "🙂" * 2_000,
]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, database: Path) -> Iterator[Home]:
    with Home(tmp_path, database).running() as home:
        yield home


@pytest.fixture
def anna(home: Home) -> Client:
    """The browser of somebody who has an account and is signed in."""
    browser = home.browser()
    register(home, browser)
    return browser


@pytest.fixture
def stranger(home: Home) -> Client:
    return home.browser(**{"user-agent": "Mozilla/5.0 (iPhone) Safari/605"})


def talk(client: Client, words: str) -> str:
    """Say something to Socrates; return the chat's id."""
    word = {"csrf": csrf(client)} if signed_in(client) else {}
    answer = client.post("/characters/socrates/chats", data={"language": "en", **word}, follow_redirects=False)
    chat = answer.headers["location"].rpartition("/")[2]
    answer = client.post(f"/chats/{chat}/turns", data={"text": words, "key": key(), **word})
    assert answer.status_code == 200, answer.text
    return chat


# -- the whole story ---------------------------------------------------------------------------------------


def test_a_guest_registers_and_keeps_the_chats_goes_and_comes_back_elsewhere(home: Home, stranger: Client) -> None:
    mine = home.browser()
    chat = talk(mine, "Is the sea older than the moon?")
    register(home, mine)
    assert chat in mine.get("/chats").text

    answer = send(mine, "/sign-out")
    assert answer.headers["location"] == "/sign-in?done=signed-out"
    assert "You are signed out." in mine.get("/sign-in?done=signed-out").text
    assert not signed_in(mine)
    assert chat not in mine.get("/chats").text

    assert sign_in(mine, "ANNA@example.org").headers["location"] == "/"
    assert chat in mine.get("/chats").text
    assert sign_in(stranger).headers["location"] == "/"
    assert chat in stranger.get("/chats").text
    assert home.mailed == "new_sign_in"


def test_somebody_elses_chats_are_not_there(home: Home, anna: Client, stranger: Client) -> None:
    chat = talk(anna, "For me alone.")
    register(home, stranger, username="bert", email="bert@example.org")
    assert chat not in stranger.get("/chats").text
    assert stranger.get(f"/chats/{chat}").status_code == 404


def test_signing_in_leads_to_where_one_was_going_but_to_no_other_site(home: Home, anna: Client) -> None:
    send(anna, "/sign-out")
    for asked, goes in (
        ("/chats", "/chats"),
        ("//evil.example/", "/"),
        ("https://evil.example", "/"),
        ("/sign-in", "/"),
        ("/register?next=/chats", "/"),
        ("/recover/code", "/"),
    ):
        assert sign_in(anna, next=asked).headers["location"] == goes
        assert anna.get("/sign-in", params={"next": asked}, follow_redirects=False).headers["location"] == goes
        send(anna, "/sign-out")


def test_who_makes_an_account_on_the_way_comes_back_to_where_they_were_even_on_another_device(
    home: Home, stranger: Client
) -> None:
    mine, plans = home.browser(), "/membership?plan=plus&period=year#plans"
    for door, other in (("/sign-in", "/register"), ("/register", "/sign-in")):
        page = html.unescape(mine.get(door, params={"next": plans}).text)
        assert f'href="{other}?next=/membership%3Fplan%3Dplus%26period%3Dyear%23plans"' in page
    wrong = mine.post("/register", data={**ANNA, "email": "nowhere", "next": plans})
    assert f'name="next" value="{html.escape(plans)}"' in wrong.text
    mine.post("/register", data={**ANNA, "next": plans})
    assert home.link().endswith("?next=%2Fmembership%3Fplan%3Dplus%26period%3Dyear%23plans")
    page = stranger.get(home.link()).text
    assert f'name="next" value="{html.escape(plans)}"' in page
    path = home.link().partition("?")[0]
    refused = stranger.post(path, data={"password": "not the one", "next": plans})
    assert refused.status_code == 403 and f'name="next" value="{html.escape(plans)}"' in refused.text
    answer = stranger.post(path, data={"password": PASSWORD, "next": plans}, follow_redirects=False)
    assert answer.headers["location"] == "/membership?plan=plus&period=year&done=open#plans"


@pytest.mark.parametrize("asked", ["//evil.example/", "https://evil.example", "/\\evil.example", "/sign-in", ""])
def test_making_an_account_leads_to_no_other_site(home: Home, stranger: Client, asked: str) -> None:
    stranger.post("/register", data={**ANNA, "next": asked})
    assert "?" not in home.link()
    answer = stranger.post(home.link(), data={"next": asked}, follow_redirects=False)
    assert answer.headers["location"] == "/account?done=welcome"


def test_the_ways_in_lead_back_to_the_page_they_stand_on(stranger: Client) -> None:
    def ways(referer: str) -> list[str]:
        text = stranger.get("/me", headers={"referer": f"http://testserver.local{referer}"}).text
        return re.findall(r'href="/(?:sign-in|register)([^"]*)"', text)

    assert ways("/characters/socrates?x=1") == ["?next=/characters/socrates%3Fx%3D1"] * 2
    assert ways(f"/characters/socrates?x={'x' * 2_000}") == ["", ""]
    assert ways("/") == ways("/sign-in") == ways("/recover/code") == ways("//evil.example/") == ["", ""]
    top = stranger.get("/chats").text
    assert 'href="/sign-in?next=/chats"' in top
    assert 'href="/sign-in"' in stranger.get("/recover").text


def test_an_account_that_is_opened_ends_the_session_that_the_browser_had(home: Home, anna: Client) -> None:
    access = anna.cookies["at"]
    other = home.browser()
    other.post("/register", data={**ANNA, "username": "bert", "email": "bert@example.org"})
    answer = anna.post(home.link(), data={"csrf": csrf(anna), "password": PASSWORD}, follow_redirects=False)
    assert answer.status_code == 303
    with pytest.raises(NotAllowed, match="token_bad"):
        home.sign_ins.current(access)


@pytest.mark.parametrize("path", ["/sign-in", "/register", "/confirm/x", "/recover/code", "/recover/x"])
def test_on_http_that_is_not_loopback_no_page_takes_a_password(tmp_path: Path, database: Path, path: str) -> None:
    with Home(tmp_path, database, host="192.0.2.7").running() as home:
        told = {**ANNA, "login": "anna", "code": "x"}
        answer = home.browser(host="192.0.2.7:7210").post(path, data=told)
        assert (answer.status_code, "needs a secure connection" in answer.text) == (403, True)
        assert "needs a secure" not in home.browser(host="127.0.0.1:7210").post(path, data=told).text


# -- registering -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("username", "ab!", "made of letters"),
        ("username", "admin", "kept for the house"),
        ("username", "", "to 32 characters"),
        ("email", "nowhere", "not an e-mail address"),
        ("phone", "12", "with its country"),
        ("password", "short", "15 characters or more"),
        ("password", "", "15 characters or more"),
        ("password", "aaaaaaaaaaaaaaaaaaaa", "repeats itself"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_the_rest_is_still_there(
    home: Home, stranger: Client, field: str, value: str, says: str
) -> None:
    answer = stranger.post("/register", data={**ANNA, field: value})
    assert answer.status_code == 400
    assert says in beside(answer, field)
    for name in {"username", "email"} - {field}:
        assert f'value="{ANNA[name]}"' in answer.text
    assert PASSWORD not in answer.text
    assert home.letters.sent == []


def test_a_known_address_gets_the_same_answer_and_another_mail(home: Home, anna: Client, stranger: Client) -> None:
    new = stranger.post(
        "/register", data={**ANNA, "username": "bert", "email": "b@example.org"}, follow_redirects=False
    )
    assert home.mailed == "confirm"
    known = stranger.post("/register", data={**ANNA, "username": "carl"}, follow_redirects=False)
    assert home.mailed == "exists"
    assert (known.status_code, known.text, known.headers["location"]) == (
        new.status_code,
        new.text,
        new.headers["location"],
    )
    names = {re.sub(r"=[^;]*", "", value) for value in known.headers.get_list("set-cookie")}
    assert names == {re.sub(r"=[^;]*", "", value) for value in new.headers.get_list("set-cookie")}


def test_another_browser_has_to_give_the_password_and_opening_the_link_uses_nothing_up(
    home: Home, stranger: Client
) -> None:
    mine = home.browser()
    mine.post("/register", data=ANNA)
    link = home.link()
    for _ in range(3):
        page = stranger.get(link)
        assert page.status_code == 200
        assert 'name="password"' in page.text
    assert "Give the password you chose" in beside(stranger.post(link), "password")
    assert "not right" in beside(stranger.post(link, data={"password": NEWER}), "password")
    answer = stranger.post(link, data={"password": PASSWORD}, follow_redirects=False)
    assert answer.headers["location"] == "/account?done=welcome"
    assert signed_in(stranger)
    again = home.browser().post(link, data={"password": PASSWORD})
    assert again.status_code == 404
    assert "has been used" in again.text


def test_a_name_that_was_taken_meanwhile_can_be_changed_on_the_way(home: Home, stranger: Client) -> None:
    mine = home.browser()
    mine.post("/register", data=ANNA)
    link = home.link()
    register(home, stranger, email="other@example.org")
    answer = mine.post(link)
    assert answer.status_code == 409
    assert "Somebody has this user name" in beside(answer, "username")
    assert "made of letters" in beside(mine.post(link, data={"username": "anna!!"}), "username")
    mine.post(link, data={"username": "anna2"})
    assert "anna2" in mine.get("/account").text


@pytest.mark.parametrize(
    ("password", "says"),
    [("", ""), ("short", "Weak"), ("anna@example.org anna", "made of your name"), (PASSWORD + " 7", "Strong")],
)
def test_the_strength_of_a_password_is_told_while_it_is_written(
    stranger: Client, caplog: pytest.LogCaptureFixture, password: str, says: str
) -> None:
    answer = stranger.post("/register/strength", data={**ANNA, "password": password}, headers=HTMX)
    assert answer.status_code == 200
    assert says in answer.text
    assert ("<meter" in answer.text) is bool(password)
    assert not password or password not in answer.text + caplog.text
    assert answer.headers["cache-control"] == "no-store"


def test_passwords_may_be_pasted_and_kept_by_a_password_manager(stranger: Client) -> None:
    page = stranger.get("/register").text
    entry = re.search(r'<input id="password"[^>]*>', page)
    assert entry and 'autocomplete="new-password"' in entry[0]
    assert not re.search(r"onpaste|maxlength|pattern|readonly", entry[0])
    assert 'autocomplete="current-password"' in stranger.get("/sign-in").text


# -- signing in --------------------------------------------------------------------------------------------


def test_a_wrong_password_and_an_unknown_name_look_the_same(anna: Client, stranger: Client) -> None:
    wrong, unknown = sign_in(stranger, password=NEWER), sign_in(stranger, login="nobody", password=NEWER)
    assert wrong.status_code == unknown.status_code == 403
    assert wrong.text.replace("anna", "nobody") == unknown.text
    assert "set-cookie" not in wrong.headers
    assert "The name or the password is not right." in wrong.text
    assert NEWER not in wrong.text


def test_guessing_is_answered_with_429_and_a_time_to_wait(anna: Client, stranger: Client) -> None:
    answers = [sign_in(stranger, password=f"{NEWER} {number}") for number in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 300
    assert signed_in(anna)


def test_over_https_cookies_are_bound_to_the_host(tmp_path: Path, database: Path) -> None:
    with Home(tmp_path, database, **HTTPS).running() as home:
        browser = home.browser()
        browser.post("/register", data=ANNA)
        answer = browser.post(home.link(), follow_redirects=False)
    cookies = answer.headers.get_list("set-cookie")
    assert {cookie.split("=")[0] for cookie in cookies} >= {"__Host-at", "__Host-rt", "__Host-browser"}
    for cookie in cookies:
        assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; ")), cookie


# -- recovering --------------------------------------------------------------------------------------------


def test_a_mailed_link_sets_a_new_password_once_and_ends_every_session(
    home: Home, anna: Client, stranger: Client
) -> None:
    stranger.post("/recover", data={"email": "anna@example.org"})
    assert home.mailed == "recover"
    link = home.link()
    assert "anna" in stranger.get(link).text
    short = stranger.post(link, data={"password": "short"})
    assert "15 characters" in beside(short, "password")
    answer = stranger.post(link, data={"password": NEWER}, follow_redirects=False)
    assert answer.headers["location"] == "/sign-in?done=recovered"
    assert not signed_in(stranger), "a link sets a password, it does not sign in"
    assert not signed_in(anna)
    assert sign_in(stranger).status_code == 403
    assert sign_in(stranger, password=NEWER).status_code == 303
    assert stranger.get(link).status_code == 404


def test_the_devices_in_the_list_are_told_in_the_language_of_the_page(anna: Client, stranger: Client) -> None:
    sign_in(stranger)
    assert "Safari on iPhone" in anna.get("/account/sessions").text
    chinese = anna.get("/account/sessions", headers={"accept-language": "zh"}).text
    assert "iPhone 上的 Safari" in chinese and "Safari on" not in chinese


def test_asking_for_a_link_is_answered_the_same_for_everybody(home: Home, anna: Client, stranger: Client) -> None:
    before = len(home.letters.sent)
    known = stranger.post("/recover", data={"email": "anna@example.org"}, follow_redirects=False)
    unknown = stranger.post("/recover", data={"email": "nobody@example.org"}, follow_redirects=False)
    assert (known.status_code, known.text, known.headers["location"]) == (303, "", "/recover/sent")
    assert (unknown.status_code, unknown.text, unknown.headers["location"]) == (303, "", "/recover/sent")
    assert len(home.letters.sent) == before + 1


def test_a_recovery_code_works_once(home: Home, anna: Client, stranger: Client) -> None:
    made = send(anna, "/account/codes")
    codes = re.findall(r"<code>([A-Z2-7-]+)</code>", made.text)
    assert len(set(codes)) == 10
    assert made.headers["cache-control"] == "no-store"
    assert codes[0] not in anna.get("/account/codes").text
    form = {"login": "anna", "code": codes[0].lower(), "password": NEWER}
    assert "not right" in beside(stranger.post("/recover/code", data={**form, "code": "AAAA"}), "code")
    answer = stranger.post("/recover/code", data=form, follow_redirects=False)
    assert answer.headers["location"] == "/sign-in?done=recovered"
    assert stranger.post("/recover/code", data=form).status_code == 403
    sign_in(stranger, password=NEWER)
    assert "9 are left" in stranger.get("/account").text


def test_the_extra_question_stands_behind_the_link_and_is_off_by_default(
    tmp_path: Path, database: Path, anna: Client
) -> None:
    assert anna.get("/account/question").status_code == 404
    (tmp_path / "extra").mkdir()
    with Home(tmp_path / "extra", database, security_question="extra").running() as home:
        mine = home.browser()
        register(home, mine)
        weak = send(mine, "/account/question", question="Which boat was the first?", answer="boat")
        assert "must not be easy to guess" in beside(weak, "answer")
        set_it = send(mine, "/account/question", question="Which boat was the first?", answer="Zeeleeuw of Hoorn")
        assert set_it.headers["location"] == "/account?done=question"
        assert "Which boat" not in mine.get("/recover").text
        mine = home.browser()
        mine.post("/recover", data={"email": "anna@example.org"})
        link = home.link()
        assert "Which boat was the first?" in mine.get(link).text
        wrong = mine.post(link, data={"password": NEWER, "answer": "the other one"})
        assert "The answer is not right." in beside(wrong, "answer")
        right = mine.post(link, data={"password": NEWER, "answer": "zeeleeuw of  hoorn"}, follow_redirects=False)
        assert right.headers["location"] == "/sign-in?done=recovered"


# -- changes -----------------------------------------------------------------------------------------------


def test_the_password_is_changed_with_the_old_one_and_only_this_session_goes_on(
    home: Home, anna: Client, stranger: Client
) -> None:
    sign_in(stranger)
    wrong = send(anna, "/account/password", old=NEWER, password=NEWER)
    assert "not right" in beside(wrong, "old")
    same_rules = send(anna, "/account/password", old=PASSWORD, password="short")
    assert "15 characters" in beside(same_rules, "password")
    answer = send(anna, "/account/password", old=PASSWORD, password=NEWER)
    assert answer.headers["location"] == "/account?done=password"
    assert signed_in(anna)
    assert not signed_in(stranger)
    assert home.mailed == "changed"


def test_a_new_address_is_the_accounts_when_its_link_was_followed(home: Home, anna: Client, stranger: Client) -> None:
    assert "not an e-mail" in beside(send(anna, "/account/email", email="nowhere"), "email")
    answer = send(anna, "/account/email", email="new@example.org")
    assert answer.headers["location"] == "/account?done=email-sent"
    assert (home.mailed, home.last.to) == ("email_change", "new@example.org")
    link = home.link()
    assert stranger.get(link).status_code == 200
    assert "anna@example.org" in anna.get("/account").text
    answer = stranger.post(link, follow_redirects=False)
    assert answer.headers["location"] == "/sign-in?done=email"
    assert "new@example.org" in anna.get("/account").text
    assert home.last.to == "anna@example.org"
    assert stranger.post(link).status_code == 404


def test_a_phone_number_signs_in_and_belongs_to_one_account(home: Home, anna: Client, stranger: Client) -> None:
    assert "with its country" in beside(send(anna, "/account/phone", phone="020 7946"), "phone")
    send(anna, "/account/phone", phone="+44 20 7946 0958")
    assert "+442079460958" in anna.get("/account").text
    register(home, stranger, username="bert", email="b@example.org")
    taken = send(stranger, "/account/phone", phone="+442079460958")
    assert (taken.status_code, "another account" in beside(taken, "phone")) == (409, True)
    send(anna, "/sign-out")
    assert sign_in(anna, "+44 20 7946 0958").status_code == 303
    send(anna, "/account/phone", phone="")
    assert "+442079460958" not in anna.get("/account").text


@pytest.mark.parametrize("page", ["email", "phone", "codes", "export", "delete"])
def test_what_matters_asks_for_the_password_again_after_a_while(home: Home, anna: Client, page: str) -> None:
    home.time.seconds += PROVED.total_seconds() + 1
    token = csrf(anna)
    for answer in (
        anna.get(f"/account/{page}", follow_redirects=False),
        anna.post(f"/account/{page}", data={"csrf": token, "email": "n@example.org"}, follow_redirects=False),
    ):
        assert (answer.status_code, answer.headers["location"]) == (303, f"/account/prove?next=/account/{page}")
    wrong = send(anna, "/account/prove", password=NEWER, next=f"/account/{page}")
    assert "not right" in beside(wrong, "password")
    answer = send(anna, "/account/prove", password=PASSWORD, next=f"/account/{page}")
    assert answer.headers["location"] == f"/account/{page}"
    assert anna.get(f"/account/{page}", follow_redirects=False).status_code == 200


# -- sessions ----------------------------------------------------------------------------------------------


def test_sessions_are_listed_and_ended_one_or_all_others(home: Home, anna: Client, stranger: Client) -> None:
    sign_in(stranger)
    page = anna.get("/account/sessions").text
    assert page.count('class="row session"') == 2
    assert "Safari on iPhone" in page
    assert page.count("session__here") == 1
    ends = re.findall(r'action="(/account/sessions/[\w-]+/end)"', page)
    assert len(ends) == 1, "one does not end the session one is in"
    row = anna.post(ends[0], data={"csrf": csrf(anna)}, headers=HTMX)
    assert "That session has ended." in row.text and "<html" not in row.text
    assert not signed_in(stranger)
    assert send(anna, ends[0]).status_code == 404

    sign_in(stranger)
    assert send(anna, "/account/sessions/end-others").headers["location"] == "/account/sessions?done=others"
    assert (signed_in(stranger), signed_in(anna)) == (False, True)


def test_nobody_ends_the_session_of_another(home: Home, anna: Client, stranger: Client) -> None:
    register(home, stranger, username="bert", email="b@example.org")
    mine = home.logins.of(home.accounts.by_login("anna").user.id, home.time.now())[0].id  # type: ignore[union-attr]
    assert send(stranger, f"/account/sessions/{mine}/end").status_code == 404
    assert signed_in(anna)


# -- taking everything along, and leaving --------------------------------------------------------------------


def test_everything_can_be_taken_along_in_one_file(home: Home, anna: Client) -> None:
    chat = talk(anna, "A marker: 皮影戏 at dusk.")
    answer = send(anna, "/account/export")
    assert answer.headers["content-type"] == "application/zip"
    assert 'filename="Parley anna' in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name).decode(errors="replace") for name in archive.namelist()}
    sounds = {name for name in files if name.startswith("audio/")}
    told = {"README.txt", "account.json", "sessions.json", "events.json", "membership.json", f"chats/{chat}.json"}
    assert set(files) - sounds == told
    assert set(json.loads(files[f"chats/{chat}.json"])["audio"].values()) == sounds
    assert json.loads(files["account.json"])["email"] == "anna@example.org"
    assert "皮影戏" in files[f"chats/{chat}.json"]
    assert "Your own voice is not kept" in files["README.txt"]
    assert "argon2" not in "".join(files.values())


def test_what_is_being_taken_along_ends_with_the_session(
    home: Home, anna: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds a stranger in the list of sessions and ends it ends the stranger's download too."""
    for line in ("The first marker.", "The second marker."):
        talk(anna, line)
    [session] = home.logins.of(home.accounts.by_login("anna").user.id, home.time.now())  # type: ignore[union-attr]
    asked: list[str] = []

    def files() -> Iterator[tuple[str, bytes]]:
        for name in ("account.json", "chats/1.json", "chats/2.json"):
            asked.append(name)
            yield name, name.encode()

    taken = as_long_as(lambda: home.sign_ins.lives(session.id), files())
    assert next(taken) == ("account.json", b"account.json")
    home.logins.revoke(session.id, home.time.now())
    with pytest.raises(NotAllowed, match="signed_out"):
        next(taken)
    assert asked == ["account.json", "chats/1.json"]

    sign_in(anna)
    chats, read = home.services.chats, []
    messages = chats.messages

    def ended_meanwhile(guest: str, chat_id: str, after: int = 0) -> list[Message]:
        read.append(chat_id)
        home.logins.revoke_all(guest, home.time.now())
        return messages(guest, chat_id, after)

    monkeypatch.setattr(chats, "messages", ended_meanwhile)
    with suppress(NotAllowed):  # the server's end of it; the browser's is a download that broke off
        answer = send(anna, "/account/export")
        with pytest.raises(zipfile.BadZipFile):
            zipfile.ZipFile(io.BytesIO(answer.content))
    assert len(read) == 1  # of two


def test_an_account_is_erased_after_seven_days_unless_its_owner_comes_back(home: Home, anna: Client) -> None:
    chat = talk(anna, "Remember me.")
    answer = send(anna, "/account/delete")
    assert answer.headers["location"] == "/sign-in?done=deleted"
    assert home.mailed == "deleted"
    assert not signed_in(anna)
    home.time.seconds += GRACE.total_seconds() - 60
    assert sign_in(anna).headers["location"] == "/account?done=kept"
    assert chat in anna.get("/chats").text

    send(anna, "/account/delete")
    home.time.seconds += GRACE.total_seconds() + 60
    assert sign_in(anna).status_code == 403


# -- for everybody -------------------------------------------------------------------------------------------

PAGES = ("account", "account/sessions", "account/export", "account/delete", "account/password", "account/email",
         "account/phone", "account/codes", "account/prove")  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_who_is_not_signed_in_is_offered_to_and_comes_back(stranger: Client, page: str) -> None:
    answer = stranger.get(f"/{page}")
    assert answer.status_code == 403
    assert f'href="/sign-in?next=/{page}"' in answer.text


@pytest.mark.parametrize("page", PAGES)
def test_pages_of_an_account_are_kept_by_nobody(anna: Client, page: str) -> None:
    answer = anna.get(f"/{page}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


def test_a_form_without_the_word_of_the_session_changes_nothing(home: Home, anna: Client) -> None:
    for address in ("/account/phone", "/account/email", "/account/codes", "/account/delete", "/sign-out"):
        for word in ("", "x" * 43):
            answer = anna.post(address, data={"csrf": word, "phone": "+442079460958"}, follow_redirects=False)
            assert answer.status_code == 403, address
    assert signed_in(anna)


def test_what_belongs_to_no_page_of_ours_is_not_said_as_done(anna: Client) -> None:
    assert 'class="notice"' not in anna.get("/account?done=<b>hello</b>").text
    assert "The phone number is saved." in anna.get("/account?done=phone").text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_refused_politely_and_stays_text(home: Home, anna: Client, stranger: Client, text: str) -> None:
    def sent(client: Client, address: str, *names: str, **more: str) -> None:
        for name in names:
            body = {**ANNA, **more, name: text}
            pairs = "&".join(f"{k}={quoted(v)}" for k, v in body.items())
            headers = {"content-type": "application/x-www-form-urlencoded"}
            answer = client.post(address, content=pairs, headers=headers, follow_redirects=False)
            assert answer.status_code < 500, (address, name, answer.text[-300:])
            assert "<script>alert" not in answer.text
            assert str(1_234_567 * 7) not in answer.text
            assert "x" not in answer.cookies

    sent(stranger, "/register", "username", "email", "phone", "password")
    sent(stranger, "/register/strength", "username", "email", "password")
    sent(stranger, "/sign-in", "login", "password", "next", login="anna")
    sent(stranger, "/recover", "email")
    sent(stranger, "/recover/code", "login", "code", "password", login="anna", code="AAAA")
    token = csrf(anna)
    sent(anna, "/account/password", "old", "password", csrf=token)
    sent(anna, "/account/email", "email", csrf=token)
    sent(anna, "/account/phone", "phone", csrf=token)
    sent(anna, "/account/prove", "password", "next", csrf=token)
    assert signed_in(anna)


def quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))


def test_a_megabyte_is_refused_before_it_is_read(stranger: Client) -> None:
    for address in ("/register", "/sign-in", "/recover", "/recover/code", "/register/strength"):
        assert stranger.post(address, data={"login": "x" * 1_000_000}).status_code == 413


@pytest.mark.parametrize("link", ["/confirm/", "/recover/", "/account/email/"])
@pytest.mark.parametrize("token", ["x", "a" * 43, "%00", "%ED%A0%80", "a" * 2_000, "..%2f", "'--", "a.b.c", "{{7*7}}"])
def test_a_link_that_we_did_not_send_opens_nothing(stranger: Client, link: str, token: str) -> None:
    for answer in (stranger.get(link + token), stranger.post(link + token, data={"password": PASSWORD})):
        assert answer.status_code in (200, 404) if link == "/account/email/" else answer.status_code == 404
    assert not signed_in(stranger)


def test_pages_are_in_chinese_for_who_reads_chinese(home: Home) -> None:
    browser = home.browser(**{"accept-language": "zh-CN"})
    assert "注册账号" in browser.get("/register").text
    wrong = browser.post("/register", data={**ANNA, "password": "short"})
    assert "至少 15 个字符" in beside(wrong, "password")
    register(home, browser)
    assert "登录方式" in browser.get("/account").text


def test_a_form_works_without_scripts_for_who_is_signed_in_too(home: Home, anna: Client) -> None:
    for page in ("/recover", "/recover/code", "/account", "/chats"):
        for form in re.findall(r'<form[^>]*method="post".*?</form>', anna.get(page).text, re.S):
            assert f'name="csrf" value="{csrf(anna)}"' in form, (page, form)
