"""Passkeys: what a true one opens, and every way a false one is refused, against a passkey in software."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import cbor2
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.desk import GRACE, PROVED
from domain.errors import BadInput, Conflict, NotAllowed, NotFound, ParleyError, TooMany
from domain.limits import LIMITS
from domain.passkey_answers import FORMATS
from domain.passkey_challenges import LIFE_S, Challenges
from domain.passkey_forms import Assertion, NewKey
from domain.passkey_site import Site, site_of
from domain.passkeys import MOST, Passkeys, check_name
from domain.people import Credentials, MailKind, Passkey, Session, User
from domain.places import Place
from tests.authenticator import PRESENT, VERIFIED, Authenticator, assertion, new_key, text
from tests.fakes import HandClock
from tests.fakes_people import CountingLimits, Diary, MemoryAccounts, MemoryKeys, MemorySessions, Town

SITE = Site("parley.example", "https://parley.example")
HERE = SITE.origin
PLACE = Place("Chromium on Linux", "192.0.2.7")


class MemoryNames:
    def __init__(self, town: Town) -> None:
        self.town = town

    def rename(self, user_id: str, credential_id: str, name: str) -> None:
        known = self.town.passkeys.get(credential_id)
        if known is None or known.user_id != user_id:
            raise NotFound("passkey_gone")
        self.town.passkeys[credential_id] = msgspec.structs.replace(known, name=name)


class Hall:
    """Two people, Anna with a passkey, and what they do with it."""

    def __init__(self) -> None:
        self.clock, self.town, self.diary = HandClock(), Town(), Diary()
        self.mails: list[tuple[str, str, str]] = []
        self.sessions, self.keys = MemorySessions(self.town), MemoryKeys(self.town)
        self.challenges = Challenges("s" * 40, CountingLimits(), self.clock)
        self.limits = CountingLimits()
        self.passkeys = self.at(SITE)
        self.anna, self.anna_here = self.person("a")
        self.ben, self.ben_here = self.person("b")
        self.device = Authenticator(HERE)
        self.passkey = self.add(self.device)

    def at(self, site: Site | None) -> Passkeys:
        return Passkeys(
            self.keys, MemoryNames(self.town), MemoryAccounts(self.town), self.sessions, self.limits, self.diary,
            self.challenges, self.clock, site, self.tell,
        )  # fmt: skip

    def tell(self, kind: MailKind, user: User, path: str, place: Place | None = None) -> None:
        assert place == PLACE
        self.mails.append((kind, user.username, path))

    def person(self, letter: str) -> tuple[User, Session]:
        now = self.clock.now()
        user = User(id=letter * 24, username=letter, email=f"{letter}@b.example", created_at=now, password_at=now)
        self.town.users[user.id] = Credentials(user, "hash")
        session = Session(
            id=letter.upper() * 24, user_id=user.id, device="x", address="192.0.2.0", created_at=now, seen_at=now,
            proved_at=now, expires_at=now + timedelta(days=30), refresh="jti", before="", rotated_at=now,
        )  # fmt: skip
        self.sessions.open(session)
        return user, session

    def add(self, device: Authenticator, **lies: Any) -> Passkey:
        answer = device.create(self.passkeys.adding(self.anna, self.anna_here), **lies)
        return self.passkeys.add(self.anna, self.anna_here, new_key(answer), " My phone ", PLACE)

    def enter(self, device: Authenticator, **lies: Any) -> User:
        answer = device.get(self.passkeys.signing_in("browser"), **lies)
        return self.passkeys.sign_in("browser", assertion(answer), PLACE)

    def prove(self, device: Authenticator, who: User, session: Session, **lies: Any) -> None:
        answer = device.get(self.passkeys.proving(who, session), **lies)
        self.passkeys.prove(who, session, assertion(answer), PLACE)

    def told(self) -> list[tuple[str, str, Any]]:
        return [(event.action, event.actor, event.detail.get("why")) for event in self.diary.events]


@pytest.fixture
def hall() -> Hall:
    return Hall()


# -- what is true --------------------------------------------------------------------------------------------


def test_its_owner_is_written_to_when_a_passkey_comes_and_when_it_goes(hall: Hall) -> None:
    assert hall.mails == [("passkey_added", "a", "/account/passkeys")]
    with pytest.raises(NotFound):
        hall.passkeys.remove(hall.anna, hall.anna_here, "no such key", PLACE)
    hall.passkeys.remove(hall.anna, hall.anna_here, hall.passkey.id, PLACE)
    assert hall.mails[1:] == [("passkey_removed", "a", "/account/passkeys")]


def test_a_passkey_signs_its_owner_in_without_a_name(hall: Hall) -> None:
    assert hall.passkey.name == "My phone"
    assert hall.enter(hall.device) == hall.anna
    assert hall.enter(hall.device) == hall.anna
    known = hall.keys.passkey(hall.passkey.id)
    assert known is not None and known.sign_count == hall.device.count and known.used_at == hall.clock.now()


def test_one_that_never_counts_signs_in_again_and_again(hall: Hall) -> None:
    device = Authenticator(HERE, counts=False)
    hall.add(device)
    assert [hall.enter(device) for _ in range(3)] == [hall.anna] * 3


def test_a_browser_is_asked_for_a_verified_person_and_for_a_key_that_needs_no_name(hall: Hall) -> None:
    asked = hall.passkeys.adding(hall.anna, hall.anna_here)
    assert asked["rp"] == {"id": SITE.id, "name": "Parley"}
    assert asked["authenticatorSelection"] == {
        "residentKey": "required", "requireResidentKey": True, "userVerification": "required",
    }  # fmt: skip
    assert asked["attestation"] == "none"
    assert [one["id"] for one in asked["excludeCredentials"]] == [hall.passkey.id]
    asked = hall.passkeys.signing_in("browser")
    assert (asked["rpId"], asked["allowCredentials"], asked["userVerification"]) == (SITE.id, [], "required")


def test_a_passkey_proves_a_session(hall: Hall) -> None:
    hall.clock.seconds += 3_600
    hall.prove(hall.device, hall.anna, hall.anna_here)
    session = hall.sessions.get(hall.anna_here.id)
    assert session is not None and session.proved_at == hall.clock.now()
    hall.prove(hall.device, hall.anna, hall.anna_here, user=None)  # whose it is was asked for
    assert hall.told().count(("proved", hall.anna.id, None)) == 2


# -- what is false -------------------------------------------------------------------------------------------

LIES: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://parley.example.evil"},
    "another port": {"origin": "https://parley.example:8443"},
    "plain http": {"origin": "http://parley.example"},
    "an origin that is no text": {"origin": {"a": 1}},
    "another site": {"site": "evil.example"},
    "a frame of another site": {"cross_origin": True},
    "nobody verified": {"flags": PRESENT},
    "nobody there": {"flags": VERIFIED},
    "another challenge": {"challenge": text(b"x" * 56)},
    "no challenge": {"challenge": ""},
    "a challenge that is no text": {"challenge": 5},
    "deep client data": {"client": b"[" * 6_000},
    "client data that is a list": {"client": b"[]"},
    "client data that is no JSON": {"client": b"\xff\xfe"},
    "ids that differ": {"raw": text(b"z" * 32)},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_sign_in_is_refused_with(hall: Hall, lie: str) -> None:
    with pytest.raises(NotAllowed, match="passkey_bad"):
        hall.enter(hall.device, **LIES[lie])
    assert hall.told()[-1][:2] == ("passkey_failed", hall.anna.id)
    assert hall.enter(hall.device) == hall.anna


@pytest.mark.parametrize(
    "lie",
    [
        {"signature": b"x"},
        {"signer": ec.generate_private_key(ec.SECP256R1())},
        {"type": "webauthn.create"},
        {"user": b"b" * 24},
        {"user": None},
        {"user": b"\xff"},
        {"id": text(b"n" * 32), "raw": text(b"n" * 32)},
    ],
    ids=["no signature", "another key", "another type", "another owner", "no owner", "odd owner", "unknown"],
)
def test_an_assertion_is_refused_with(hall: Hall, lie: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed, match="passkey_bad"):
        hall.enter(hall.device, **lie)
    assert hall.told()[-1][0] == "passkey_failed"


OTHER = Authenticator(HERE)
MADE_LIES: dict[str, dict[str, Any]] = {
    **LIES,
    "another type": {"type": "webauthn.get"},
    "another id inside": {"credential": b"q" * 32},
    "no id inside": {"credential": b""},
    "an unknown attestation": {"fmt": "android-safetynet"},
    "an attestation that is a number": {"fmt": 7},
    "a statement in none": {"statement": {"sig": b"x"}},
    "packed without a signature": {"fmt": "packed"},
    "packed with another's": {"fmt": "packed", "statement": {"alg": -7, "sig": b"x" * 70}},
    "an algorithm not asked for": {"cose": {**OTHER.cose(), 3: -47}},
    "no algorithm": {"cose": {1: 2}},
    "a point off the curve": {"cose": {**OTHER.cose(), -3: b"\1" * 32}},
    "a key that is a list": {"cose": [1, 2]},
    "a key that is a number": {"cose": 4},
    "no key": {"key": b""},
    "something behind the key": {"key": b"\0" * 16 + b"\0\1a" + cbor2.dumps(OTHER.cose()) + b"more"},
    "a huge RSA key": {"cose": {1: 3, 3: -257, -1: b"\xff" * 2_000, -2: b"\1\0\1"}},
    "no CBOR": {"attestation": b"\xff"},
    "CBOR that is a list": {"attestation": cbor2.dumps([1])},
    "CBOR that claims to be long": {"attestation": b"\x9b\0\0\xff\xff\xff\xff\xff\xff"},
    "deep CBOR": {"attestation": b"\x81" * 6_000},
}


@pytest.mark.parametrize("lie", MADE_LIES)
def test_a_new_passkey_is_refused_with(hall: Hall, lie: str) -> None:
    with pytest.raises(NotAllowed, match="passkey_bad"):
        hall.add(Authenticator(HERE), **MADE_LIES[lie])
    assert hall.passkeys.of(hall.anna.id) == [hall.passkey]


def test_attestations_that_need_roots_are_not_looked_at(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(FORMATS) == {"none", "packed"}
    monkeypatch.setattr("domain.passkey_answers.FORMATS", ("packed",))
    with pytest.raises(NotAllowed, match="passkey_bad"):
        hall.add(Authenticator(HERE))


def test_an_answer_is_taken_once(hall: Hall) -> None:
    answer = assertion(hall.device.get(hall.passkeys.signing_in("browser")))
    assert hall.passkeys.sign_in("browser", answer, PLACE) == hall.anna
    with pytest.raises(NotAllowed, match="passkey_late"):
        hall.passkeys.sign_in("browser", answer, PLACE)


def test_a_challenge_that_was_answered_wrongly_is_used_up_too(hall: Hall) -> None:
    asked = hall.passkeys.signing_in("browser")
    with pytest.raises(NotAllowed, match="passkey_bad"):
        hall.passkeys.sign_in("browser", assertion(hall.device.get(asked, flags=PRESENT)), PLACE)
    with pytest.raises(NotAllowed, match="passkey_late"):
        hall.passkeys.sign_in("browser", assertion(hall.device.get(asked)), PLACE)


def test_a_challenge_lasts_for_five_minutes(hall: Hall) -> None:
    asked = hall.passkeys.signing_in("browser")
    hall.clock.seconds += LIFE_S - 1
    assert hall.passkeys.sign_in("browser", assertion(hall.device.get(asked)), PLACE) == hall.anna
    asked = hall.passkeys.signing_in("browser")
    hall.clock.seconds += LIFE_S
    with pytest.raises(NotAllowed, match="passkey_late"):
        hall.passkeys.sign_in("browser", assertion(hall.device.get(asked)), PLACE)


def test_a_challenge_is_for_one_browser_and_one_purpose(hall: Hall) -> None:
    taken = assertion(hall.device.get(hall.passkeys.signing_in("browser")))
    with pytest.raises(NotAllowed, match="passkey_bad"):
        hall.passkeys.sign_in("another browser", taken, PLACE)
    asked = hall.passkeys.proving(hall.anna, hall.anna_here)
    with pytest.raises(NotAllowed, match="passkey_bad"):
        hall.passkeys.sign_in(hall.anna_here.id, assertion(hall.device.get(asked)), PLACE)
    with pytest.raises(NotAllowed, match="passkey_bad"):
        hall.passkeys.prove(hall.ben, hall.ben_here, assertion(hall.device.get(asked)), PLACE)


def test_challenges_of_another_secret_are_none_of_ours(hall: Hall) -> None:
    theirs = Challenges("t" * 40, CountingLimits(), hall.clock).new("sign_in", "browser")
    with pytest.raises(NotAllowed, match="passkey_bad"):
        hall.challenges.spend(theirs, "sign_in", "browser")


def test_nobody_proves_with_somebody_elses_passkey(hall: Hall) -> None:
    asked = hall.passkeys.proving(hall.anna, hall.anna_here)
    mine = Authenticator(HERE)
    made = new_key(mine.create(hall.passkeys.adding(hall.ben, hall.ben_here)))
    hall.passkeys.add(hall.ben, hall.ben_here, made, "Ben’s", PLACE)
    for user in (mine.user, hall.anna.id.encode(), None):
        asked = hall.passkeys.proving(hall.anna, hall.anna_here)
        with pytest.raises(NotAllowed, match="passkey_bad"):
            hall.passkeys.prove(hall.anna, hall.anna_here, assertion(mine.get(asked, user=user, site=SITE.id)), PLACE)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_counter_that_does_not_go_up_is_refused_and_told(hall: Hall, count: int) -> None:
    hall.enter(hall.device)
    before = hall.keys.passkey(hall.passkey.id)
    with pytest.raises(NotAllowed, match="passkey_bad"):
        hall.enter(hall.device, count=count)
    assert hall.told()[-1] == ("passkey_failed", hall.anna.id, "counter")
    assert hall.diary.events[-1].detail == {"why": "counter", "was": 2, "came": count}
    assert hall.keys.passkey(hall.passkey.id) == before


def test_guessing_from_one_address_ends_soon(hall: Hall) -> None:
    for _ in range(LIMITS["passkey"].most):
        with pytest.raises(NotAllowed, match="passkey_bad"):
            hall.enter(hall.device, flags=PRESENT)
    with pytest.raises(TooMany, match="slow_down"):
        hall.enter(hall.device)


def test_an_account_whose_days_are_over_is_gone(hall: Hall) -> None:
    MemoryAccounts(hall.town).delete(hall.anna.id, hall.clock.now())
    assert hall.enter(hall.device).id == hall.anna.id
    hall.clock.seconds += GRACE.total_seconds()
    with pytest.raises(NotAllowed, match="passkey_bad"):
        hall.enter(hall.device)


# -- the list ------------------------------------------------------------------------------------------------


def test_what_changes_passkeys_wants_a_fresh_proof(hall: Hall) -> None:
    answer = new_key(Authenticator(HERE).create(hall.passkeys.adding(hall.anna, hall.anna_here)))
    hall.clock.seconds += PROVED.total_seconds() + 1
    tries: list[Callable[[], object]] = [
        lambda: hall.passkeys.adding(hall.anna, hall.anna_here),
        lambda: hall.passkeys.add(hall.anna, hall.anna_here, answer, "x", PLACE),
        lambda: hall.passkeys.remove(hall.anna, hall.anna_here, hall.passkey.id, PLACE),
    ]
    for attempt in tries:
        with pytest.raises(NotAllowed, match="prove_first"):
            attempt()
    assert hall.passkeys.of(hall.anna.id) == [hall.passkey]


def test_an_account_has_at_most_ten(hall: Hall) -> None:
    spare = Authenticator(HERE)
    late = new_key(spare.create(hall.passkeys.adding(hall.anna, hall.anna_here)))
    for _ in range(MOST - 1):
        hall.add(Authenticator(HERE))
    with pytest.raises(Conflict, match="passkeys_full"):
        hall.passkeys.adding(hall.anna, hall.anna_here)
    with pytest.raises(Conflict, match="passkeys_full"):
        hall.passkeys.add(hall.anna, hall.anna_here, late, "one too many", PLACE)
    assert len(hall.passkeys.of(hall.anna.id)) == MOST


def test_a_passkey_is_registered_once(hall: Hall) -> None:
    made = hall.device.create(hall.passkeys.adding(hall.ben, hall.ben_here))
    with pytest.raises(Conflict, match="passkey_taken"):
        hall.passkeys.add(hall.ben, hall.ben_here, new_key(made), "stolen", PLACE)
    assert hall.passkeys.of(hall.ben.id) == []


def test_nobody_names_or_removes_somebody_elses(hall: Hall) -> None:
    with pytest.raises(NotFound, match="passkey_gone"):
        hall.passkeys.rename(hall.ben, hall.passkey.id, "mine")
    with pytest.raises(NotFound, match="passkey_gone"):
        hall.passkeys.remove(hall.ben, hall.ben_here, hall.passkey.id, PLACE)
    with pytest.raises(NotFound, match="passkey_gone"):
        hall.passkeys.proving(hall.ben, hall.ben_here)
    assert hall.passkeys.of(hall.anna.id) == [hall.passkey]


def test_a_removed_passkey_opens_nothing(hall: Hall) -> None:
    hall.passkeys.rename(hall.anna, hall.passkey.id, "Old phone")
    assert [one.name for one in hall.passkeys.of(hall.anna.id)] == ["Old phone"]
    hall.passkeys.remove(hall.anna, hall.anna_here, hall.passkey.id, PLACE)
    with pytest.raises(NotAllowed, match="passkey_bad"):
        hall.enter(hall.device)
    assert [one[0] for one in hall.told()] == ["passkey_added", "passkey_removed", "passkey_failed"]
    assert len(hall.diary.events[0].target) == 12  # not the whole id


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\0b", "a\nb", "\u202eevil", "\ud800", "x" * 1_000_000])
def test_a_name_is_a_short_line_of_text(name: str) -> None:
    with pytest.raises(BadInput, match="passkey_name"):
        check_name(name)


# -- where, and in which form --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("", Site("localhost", "http://localhost:7210")),
        ("https://parley.example", Site("parley.example", "https://parley.example")),
        ("https://Parley.example:443/", Site("parley.example", "https://parley.example")),
        ("https://parley.example:8443", Site("parley.example", "https://parley.example:8443")),
        ("http://localhost:80", Site("localhost", "http://localhost")),
        ("https://пример.example", Site("xn--e1afmkfd.example", "https://xn--e1afmkfd.example")),
        ("http://parley.example", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]:8443", None),
        ("https://parley.example:port", None),
    ],
)
def test_passkeys_are_good_where_browsers_have_them(url: str, site: Site | None) -> None:
    assert site_of(url, 7210) == site


def test_where_there_are_none_nothing_is_asked(hall: Hall) -> None:
    with pytest.raises(NotFound, match="passkeys_off"):
        hall.at(None).signing_in("browser")


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.binary(max_size=40).map(text),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(["id", "rawId", "type", "response", "userHandle", "clientDataJSON", "signature",
                              "authenticatorData", "attestationObject"]), thing=junk)  # fmt: skip
def test_no_answer_breaks_anything(place: str, thing: Any) -> None:
    hall = Hall()
    device = Authenticator(HERE)
    made = device.create(hall.passkeys.adding(hall.anna, hall.anna_here))
    signed = hall.device.get(hall.passkeys.signing_in("browser"))
    for answer in (made, signed):
        where = answer if place in answer else answer["response"]
        where[place] = thing
    with suppress(ParleyError, msgspec.ValidationError):
        hall.passkeys.add(hall.anna, hall.anna_here, msgspec.convert(made, NewKey), "x", PLACE)
    with suppress(ParleyError, msgspec.ValidationError):
        hall.passkeys.sign_in("browser", msgspec.convert(signed, Assertion), PLACE)
