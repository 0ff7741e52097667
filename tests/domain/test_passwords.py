"""Which passwords are taken, what the hint says, and that a hash takes nothing but its password."""

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import BadInput, Unavailable
from domain.passwords import Hasher, Strength, check_password, strength

OWN = ("AnnaLee", "anna.lee@example.org", "+15550100200")


@pytest.mark.parametrize(
    "password",
    [
        "a tin whistle at noon", "kettle marble Friday", "zhe shi wo de mi ma ne", "一个人在海边慢慢走着看见了三只鸟",
        "fjq38vnw04kdlcm", "Ein Käse, zwei Hasen & ein Boot", "x9 " * 3 + "lonely otter" * 2, "тихий вечер у реки",
        "q" * 20 + "cobalt umbrella seven trains leave", "🐢🚲🌧️🎺🧀🛶🕯️🪁🥨🎲🦉🔭🧭🪶🍋",
    ],
)  # fmt: skip
def test_long_and_unexpected_ones_are_taken_whatever_they_are_made_of(password: str) -> None:
    check_password(password, OWN)
    assert strength(password, OWN).score >= 3


@pytest.mark.parametrize(
    ("password", "hint"),
    [
        ("", "password_short"), ("fjq38vnw04kdlc", "password_short"), ("x" * 257, "password_long"),
        ("x" * 10**6, "password_long"),
        ("aaaaaaaaaaaaaaaa", "password_repeats"), ("abababababababab", "password_repeats"),
        ("cobaltcobaltcobalt", "password_repeats"), ("cat dog cat dog cat dog ca", "password_repeats"),
        ("abcdefghijklmnop", "password_sequence"), ("9876543210987654", "password_sequence"),
        ("qwertyuiopasdfgh", "password_sequence"), ("1qaz2wsx3edc4rfv", "password_sequence"),
        ("correct horse battery staple", "password_common"), ("CorrectH0rseBatterySt@ple1", "password_common"),
        ("anna.lee@example.org", "password_own_words"), ("AnnaLee1987AnnaLee", "password_own_words"),
        ("parleyparley12345", "password_own_words"), ("Passw0rdPassw0rd", "password_own_words"),
        ("monkeymonkeyabc123", "password_guessable"), ("sunshine12345678", "password_guessable"),
    ],
)  # fmt: skip
def test_what_is_soon_guessed_is_refused_and_the_hint_says_why(password: str, hint: str) -> None:
    found = strength(password, OWN)
    assert found.hint == hint and found.score < 3
    with pytest.raises(BadInput, match=hint) as refused:
        check_password(password, OWN)
    assert refused.value.detail["field"] == "password"


def test_64_characters_and_many_more_are_taken_and_nothing_is_cut() -> None:
    long = "seven herons by the lock and a kettle that nobody remembers, " * 4
    check_password(long)
    assert len(long) > 200


def test_of_a_long_one_its_end_counts_as_much_as_its_beginning() -> None:
    dull = "x7" * 36
    assert strength(dull + "cobalt umbrella, seven trains leave late").hint == ""
    assert strength("cobalt umbrella, seven trains leave late" + dull + dull).hint == ""


def test_two_ways_to_write_one_letter_are_one_password() -> None:
    composed, apart = "le caf\u00e9 des ch\u00e2teaux", "le cafe\u0301 des cha\u0302teaux"
    assert strength(composed) == strength(apart)

    async def both() -> bool:
        hasher = Hasher("8,1,1")
        return await hasher.verify(await hasher.hash(composed), apart)

    assert asyncio.run(both())


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), max_size=300))
def test_a_hint_is_given_for_any_text_at_all(text: str) -> None:
    found = strength(text, ("anna", text[:40]))
    assert isinstance(found, Strength) and 0 <= found.score <= 4
    try:
        check_password(text)
    except BadInput as refused:
        assert refused.detail["field"] == "password"  # noqa: PT017 - either is fine


# -- hashing -------------------------------------------------------------------------------------------


@pytest.fixture
def hasher() -> Hasher:
    return Hasher("8,1,1", at_once=1, waiting=2)


@pytest.mark.anyio
async def test_a_hash_is_argon2id_with_a_salt_of_its_own(hasher: Hasher) -> None:
    first, second = await hasher.hash("a tin whistle"), await hasher.hash("a tin whistle")

    assert first.startswith("$argon2id$v=19$m=8,t=1,p=1$") and first != second
    assert await hasher.verify(first, "a tin whistle") and await hasher.verify(second, "a tin whistle")
    for wrong in ("A tin whistle", "a tin whistle ", "", "\0", "\ud800", "x" * 10**6):
        assert not await hasher.verify(first, wrong)
    for broken in ("", "x", first[:-4], first.replace("argon2id", "argon2x"), "\ud800"):
        assert not await hasher.verify(broken, "a tin whistle")


@pytest.mark.anyio
async def test_a_megabyte_is_not_hashed_and_what_is_hashed_instead_is_not_taken_for_it(hasher: Hasher) -> None:
    lengths = []

    class Watching:
        def verify(self, hashed: str, password: str) -> bool:
            lengths.append(len(password))
            return True

    watching: Any = Watching()
    hasher._argon2 = watching

    assert not await hasher.verify("hash", "x" * 10**6) and not await hasher.verify("hash", "x" * 257)
    assert await hasher.verify("hash", "x" * 256)
    assert lengths == [0, 0, 256]


@pytest.mark.anyio
async def test_nothing_verifies_the_dummy_not_even_nothing(hasher: Hasher) -> None:
    dummy = await hasher.dummy()

    assert dummy == await hasher.dummy() and not hasher.needs_rehash(dummy)
    for password in ("", "\ud800", "x" * 10**6, dummy):
        assert not await hasher.verify(dummy, password)


def test_other_parameters_want_a_new_hash(hasher: Hasher) -> None:
    old = asyncio.run(Hasher("8,2,1").hash("x"))

    assert hasher.needs_rehash(old) and hasher.needs_rehash("nonsense")
    for bad in ("", "19456", "1,1,1", "19456,0,1", "a,b,c"):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
            Hasher(bad)


@pytest.mark.anyio
async def test_the_queue_ends_and_says_when_to_come_again(hasher: Hasher) -> None:
    """One runs, two wait, the fourth is told; given up callers keep their place until their thread is done."""
    held = threading.Event()

    class Slow:
        def hash(self, password: str) -> str:
            held.wait(10)
            return password

    slow: Any = Slow()
    hasher._argon2 = slow
    tasks = [asyncio.create_task(hasher.hash(str(n))) for n in range(3)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.sleep(0)

    with pytest.raises(Unavailable, match="sign_in_busy") as refused:
        await hasher.hash("3")
    assert refused.value.detail == {"retry_after": 2}
    held.set()
    assert await asyncio.gather(*tasks[:2]) == ["0", "1"]
    assert await hasher.hash("4") == "4"
