"""Each way to pass a token off for a good one, after RFC 8725 and what PyJWT is known to let by, is refused."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import NotAllowed
from domain.jwt_tokens import ACCESS, MOST, Issuer, _derived
from domain.people import Session, User
from tests.fakes import HandClock

SECRET = "a secret of the tests, long enough to be one"
WORKERS = "another secret of the tests, for the functions"
SITE = "https://parley.example"
CLOCK = HandClock()
NOW = int(CLOCK.now().timestamp())
ISSUER = Issuer(SECRET, WORKERS, SITE, CLOCK)
USER = User(id="u" * 24, username="Anna", email="a@b.example", created_at=CLOCK.now(), password_at=CLOCK.now())
SESSION = Session(
    id="s" * 24,
    user_id=USER.id,
    device="Chromium on Linux",
    address="192.0.2.0",
    created_at=CLOCK.now(),
    seen_at=CLOCK.now(),
    proved_at=CLOCK.now(),
    expires_at=CLOCK.now() + timedelta(days=30),
    refresh="r" * 24,
    before="",
    rotated_at=CLOCK.now(),
)
KEY = _derived(SECRET, "access")
HEADER = {"alg": "HS256", "typ": "at+jwt"}
CLAIMS: dict[str, Any] = {
    "iss": SITE,
    "aud": "parley:access",
    "type": "access",
    "sub": USER.id,
    "sid": SESSION.id,
    "jti": "j" * 24,
    "iat": NOW,
    "exp": NOW + 600,
}


def part(thing: object) -> str:
    raw = thing if isinstance(thing, bytes) else json.dumps(thing).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed(header: object, claims: object, key: bytes = KEY, method: str = "sha256") -> str:
    """Write a token by hand, as an attacker who has stolen the key could: only strictness is left to stop it."""
    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{part(hmac.digest(key, text.encode(), method))}"


def refused(token: Any, read: Callable[[Any], object] = ISSUER.read_access) -> bool:
    with pytest.raises(NotAllowed) as caught:
        read(token)
    assert caught.value.detail == {}
    assert caught.value.__cause__ is None
    return caught.value.code == "token_bad"


# -- what is good --------------------------------------------------------------------------------------


def test_a_token_of_ours_is_read_back() -> None:
    claims = ISSUER.read_access(ISSUER.access(SESSION, USER))
    assert (claims.subject, claims.session, claims.type) == (USER.id, SESSION.id, "access")
    assert claims.expires_at - claims.issued_at == ACCESS
    refresh = ISSUER.read_refresh(ISSUER.refresh(SESSION, "q" * 24))
    assert (refresh.id, refresh.expires_at) == ("q" * 24, SESSION.expires_at)
    assert ISSUER.read_reset(ISSUER.reset(USER.id, "recovery-1")).session == "recovery-1"
    worker = ISSUER.read_worker(ISSUER.worker("tts", "turn-1"), "tts")
    assert (worker.subject, worker.session) == ("tts", "turn-1")


def test_the_forger_of_these_tests_writes_good_tokens_when_nothing_is_changed() -> None:
    assert ISSUER.read_access(signed(HEADER, CLAIMS)).subject == USER.id


def test_every_token_has_a_name_of_its_own() -> None:
    tokens = {ISSUER.access(SESSION, USER) for _ in range(50)}
    assert len({ISSUER.read_access(token).id for token in tokens}) == 50


def test_a_token_says_nothing_about_the_person_but_an_id() -> None:
    told = json.loads(base64.urlsafe_b64decode(ISSUER.access(SESSION, USER).split(".")[1] + "=="))
    assert set(told) == set(CLAIMS)
    assert "Anna" not in str(told)


# -- signature, algorithm, keys ------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_alg_none_is_refused(alg: str) -> None:
    head = {**HEADER, "alg": alg}
    text = f"{part(head)}.{part(CLAIMS)}"
    assert refused(f"{text}.")
    assert refused(f"{text}.{part(b'')}")
    assert refused(signed(head, CLAIMS))
    assert refused(jwt.encode(CLAIMS, "", "none"))


@pytest.mark.parametrize(("alg", "method"), [("HS384", "sha384"), ("HS512", "sha512"), ("hs256", "sha256")])
def test_another_algorithm_is_refused_even_with_the_right_key(alg: str, method: str) -> None:
    assert refused(signed({**HEADER, "alg": alg}, CLAIMS, method=method))


@pytest.mark.parametrize("alg", ["RS256", "ES256", "PS256", "EdDSA"])
def test_key_confusion_is_refused(alg: str) -> None:
    """What says that a public key checks it is not checked by any public key, nor by ours."""
    assert refused(signed({**HEADER, "alg": alg}, CLAIMS))


def test_a_key_that_the_token_brings_itself_is_not_used() -> None:
    own = b"k" * 32
    jwk = {"kty": "oct", "k": part(own)}
    assert refused(signed({**HEADER, "jwk": jwk}, CLAIMS, own))
    assert refused(signed({**HEADER, "jwk": jwk}, CLAIMS))


@pytest.mark.parametrize("kid", ["1", "../../dev/null", "' OR 1=1 --", "", 7, None, "|id", ["a"]])
def test_a_kid_is_refused_even_when_the_signature_is_right(kid: object) -> None:
    assert refused(signed({**HEADER, "kid": kid}, CLAIMS))
    assert refused(signed({**HEADER, "kid": kid}, CLAIMS, b""))


@pytest.mark.parametrize(
    "more", [{"jku": "https://evil.example"}, {"x5u": "https://evil.example"}, {"x5c": []}, {"crit": ["b64"]},
             {"b64": False}, {"zip": "DEF"}, {"cty": "JWT"}, {"enc": "A256GCM"}]
)  # fmt: skip
def test_no_other_word_in_the_header_is_taken(more: dict[str, object]) -> None:
    assert refused(signed({**HEADER, **more}, CLAIMS))


@pytest.mark.parametrize("typ", ["JWT", "rt+jwt", "AT+JWT", "at+jwt ", "application/at+jwt", None, ["at+jwt"]])
def test_another_typ_is_refused(typ: object) -> None:
    assert refused(signed({**HEADER, "typ": typ}, CLAIMS))


def test_a_header_without_typ_is_refused() -> None:
    assert refused(signed({"alg": "HS256"}, CLAIMS))


@pytest.mark.parametrize("key", [b"", SECRET.encode(), WORKERS.encode(), _derived(WORKERS, "access"), bytes(32)])
def test_another_key_is_refused(key: bytes) -> None:
    assert refused(signed(HEADER, CLAIMS, key))


def test_a_changed_letter_anywhere_is_refused() -> None:
    token = ISSUER.access(SESSION, USER)
    for place in range(0, len(token), 7):
        other = "A" if token[place] != "A" else "B"
        assert refused(token[:place] + other + token[place + 1 :])


def test_a_cut_signature_is_refused() -> None:
    token = ISSUER.access(SESSION, USER)
    for cut in (1, 10, 42, 43, 44):
        assert refused(token[:-cut])


# -- one type is not another ---------------------------------------------------------------------------

TOKENS = {
    "access": ISSUER.access(SESSION, USER),
    "refresh": ISSUER.refresh(SESSION, "q" * 24),
    "reset": ISSUER.reset(USER.id, "recovery-1"),
    "worker": ISSUER.worker("tts", "turn-1"),
}
READERS: dict[str, Callable[[str], object]] = {
    "access": ISSUER.read_access,
    "refresh": ISSUER.read_refresh,
    "reset": ISSUER.read_reset,
    "worker": lambda token: ISSUER.read_worker(token, "tts"),
}


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("reader", READERS)
def test_a_token_is_read_as_what_it_is_and_as_nothing_else(kind: str, reader: str) -> None:
    if kind == reader:
        READERS[reader](TOKENS[kind])
    else:
        assert refused(TOKENS[kind], READERS[reader])


@pytest.mark.parametrize("kind", ["refresh", "reset", "worker", "Access", "", None, 1, ["access"]])
def test_a_type_that_does_not_fit_its_key_is_refused(kind: object) -> None:
    assert refused(signed(HEADER, {**CLAIMS, "type": kind}))


def test_a_worker_token_opens_its_own_function_only() -> None:
    assert refused(TOKENS["worker"], lambda token: ISSUER.read_worker(token, "llm"))


def test_a_worker_token_lives_a_minute() -> None:
    clock = HandClock()
    issuer = Issuer(SECRET, WORKERS, SITE, clock)
    token = issuer.worker("asr")
    clock.seconds = 59
    assert issuer.read_worker(token, "asr").session == "none"
    clock.seconds = 60
    assert refused(token, lambda text: issuer.read_worker(text, "asr"))


def test_the_secret_of_the_functions_signs_no_persons_token() -> None:
    swapped = Issuer(WORKERS, SECRET, SITE, CLOCK)
    assert refused(swapped.access(SESSION, USER))
    assert refused(swapped.worker("tts"), READERS["worker"])


# -- claims --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_is_required(name: str) -> None:
    assert refused(signed(HEADER, {key: value for key, value in CLAIMS.items() if key != name}))


def test_a_claim_too_many_is_refused() -> None:
    for more in ({"nbf": NOW}, {"role": "admin"}, {"": 1}):
        assert refused(signed(HEADER, {**CLAIMS, **more}))


@pytest.mark.parametrize(
    "exp",
    [str(NOW + 600), 10**30, -1, 0, NOW, NOW - 1, True, False, None, NOW + 599.5, 1e300, [NOW + 600], {}, "", "never",
     NOW + 601, 2**63],
)  # fmt: skip
def test_an_exp_that_is_no_number_of_seconds_within_the_life_of_its_type_is_refused(exp: object) -> None:
    assert refused(signed(HEADER, {**CLAIMS, "exp": exp}))


@pytest.mark.parametrize("iat", [str(NOW), NOW + 6, 10**30, -(10**30), 0, True, None, float(NOW), [NOW]])
def test_an_iat_of_another_kind_or_of_the_future_is_refused(iat: object) -> None:
    assert refused(signed(HEADER, {**CLAIMS, "iat": iat}))


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"1" + b"0" * 3_000])
def test_numbers_that_json_does_not_have_are_refused(number: bytes) -> None:
    raw = json.dumps({**CLAIMS, "exp": 123}).encode().replace(b"123", number)
    assert refused(signed(HEADER, raw))


@pytest.mark.parametrize("name", ["sub", "sid", "jti"])
@pytest.mark.parametrize(
    "value", ["", " ", "a b", "a" * 65, "é", "a\x00", 7, None, True, ["u"], {"u": 1}, "../x", "a\n"]
)
def test_empty_and_other_names_are_refused(name: str, value: object) -> None:
    assert refused(signed(HEADER, {**CLAIMS, name: value}))


@pytest.mark.parametrize(
    "aud", ["parley:refresh", "parley", "", None, ["parley:access"], ["parley:access", "other"], {"parley:access": 1}]
)
def test_another_audience_and_lists_of_them_are_refused(aud: object) -> None:
    assert refused(signed(HEADER, {**CLAIMS, "aud": aud}))


@pytest.mark.parametrize("iss", ["https://evil.example", SITE + "/", "", None, [SITE], "parley"])
def test_another_issuer_is_refused(iss: object) -> None:
    assert refused(signed(HEADER, {**CLAIMS, "iss": iss}))


def test_a_token_of_another_site_with_the_same_secret_is_refused() -> None:
    assert refused(Issuer(SECRET, WORKERS, "https://staging.parley.example", CLOCK).access(SESSION, USER))


@pytest.mark.parametrize("again", ["sub", "exp", "type"])
def test_a_claim_said_twice_is_refused(again: str) -> None:
    raw = json.dumps(CLAIMS).encode()
    double = raw[:-1] + b"," + json.dumps({again: CLAIMS[again]}).encode()[1:]
    assert json.loads(double) == CLAIMS
    assert refused(signed(HEADER, double))


def test_a_header_said_twice_is_refused() -> None:
    assert refused(signed(b'{"alg":"none","alg":"HS256","typ":"at+jwt"}', CLAIMS))


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b'"x"', b"1", b"{", b"\xff\xfe", b"[" * 2_900, b'{"a":' * 580]
)
def test_a_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    assert refused(signed(HEADER, payload))


# -- time ----------------------------------------------------------------------------------------------


def test_a_token_ends_to_the_second() -> None:
    clock = HandClock()
    issuer = Issuer(SECRET, WORKERS, SITE, clock)
    token = issuer.access(SESSION, USER)
    clock.seconds = 599
    issuer.read_access(token)
    clock.seconds = 600
    assert refused(token, issuer.read_access)


def test_a_refresh_token_ends_with_its_session() -> None:
    clock = HandClock()
    issuer = Issuer(SECRET, WORKERS, SITE, clock)
    token = issuer.refresh(SESSION, "q" * 24)
    clock.seconds = 30 * 86_400 - 1
    issuer.read_refresh(token)
    clock.seconds += 1
    assert refused(token, issuer.read_refresh)


# -- other texts of one token --------------------------------------------------------------------------


def test_a_token_has_one_text_only() -> None:
    """A list of tokens that are refused could be passed by with another text; we keep ids, and refuse these too."""
    for number in range(200):
        token = signed(HEADER, {**CLAIMS, "jti": f"j{number}"})
        head, payload, signature = token.split(".")
        ISSUER.read_access(token)
        for other in (
            *(f"{token}{end}" for end in ("=", "==", " ", "\n", "\x00", ".", ".x")),
            f" {token}",
            f"{head}=.{payload}.{signature}",
            f"{head}.{payload}=.{signature}",
            token.replace(".", "..", 1),
            token.replace("-", "+").replace("_", "/"),
            f"{head}.{payload[:40]}\n{payload[40:]}.{signature}",
        ):
            assert other == token or refused(other)


def test_bits_that_are_left_over_in_base64_are_no_other_text() -> None:
    token = signed(HEADER, CLAIMS)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + letters[letters.index(token[-1]) ^ 1]  # 43 letters hold 258 bits of 256
    raw = [base64.urlsafe_b64decode(text.rpartition(".")[2] + "=") for text in (token, twin)]
    assert raw[0] == raw[1]
    assert refused(twin)


def test_a_token_of_more_than_four_thousand_characters_is_refused() -> None:
    assert refused(signed(HEADER, {**CLAIMS, "jti": "j" * MOST}))
    assert refused("a" * 5_000_000)
    assert refused(f"{'a' * 100}.{'b' * 5_000_000}.{'c' * 43}")


@pytest.mark.parametrize(
    "token", [None, b"a.b.c", 7, "", ".", "..", "a.b", "a.b.c.d", "\ud800", "é.é.é", ["a"], "Bearer x"]
)
def test_what_is_no_token_is_refused(token: object) -> None:
    assert refused(token)


# -- never anything else -------------------------------------------------------------------------------

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def never_anything_else(token: Any) -> None:
    codes = set()
    for read in READERS.values():
        try:
            read(token)
        except NotAllowed as error:
            codes.add(error.code)
    assert codes <= {"token_bad"}


@given(st.text() | st.binary() | st.from_regex(r"[\w=+/-]{0,60}\.[\w=+/-]{0,60}\.[\w-]{43}"))
def test_any_text_is_refused_in_the_one_way(token: object) -> None:
    never_anything_else(token)


@given(st.sampled_from([*CLAIMS, "alg", "typ", "x"]), ANY)
def test_any_claim_of_any_kind_is_refused_in_the_one_way_though_well_signed(name: str, value: object) -> None:
    head, claims = dict(HEADER), dict(CLAIMS)
    (head if name in ("alg", "typ") else claims)[name] = value  # type: ignore[assignment]
    never_anything_else(signed(head, claims))


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes_are_refused_in_the_one_way_though_well_signed(head: bytes, claims: bytes) -> None:
    never_anything_else(signed(head, claims))
    never_anything_else(signed(HEADER, claims))


# -- csrf ----------------------------------------------------------------------------------------------


def test_the_word_that_pages_send_along_belongs_to_one_session_and_one_secret() -> None:
    words = {ISSUER.csrf("s" * 24), ISSUER.csrf("t" * 24), Issuer(WORKERS, SECRET, SITE, CLOCK).csrf("s" * 24)}
    assert len(words) == 3
    assert {len(word) for word in words} == {43}


def test_keys_are_derived_as_the_standard_says() -> None:
    """RFC 5869 with one block, reckoned a second time by another hand."""
    extracted = hmac.new(b"parley tokens", SECRET.encode(), hashlib.sha256).digest()
    assert hmac.new(extracted, b"access\x01", hashlib.sha256).digest() == KEY
