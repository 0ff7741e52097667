"""Who may call a function: nobody without a token of the web's for this very function, and that costs no engine."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import NotAllowed
from domain.jwt_tokens import Issuer
from domain.people import Session, User
from domain.worker_tokens import ISSUER, WorkerTokens
from infra.clock import SystemClock
from tests.conformance.case import IN_PROCESS, Target, case
from tests.conformance.samples import HEART, prompt, speech

DOOR = "Who may call"
CALLS: list[tuple[str, str, tuple[Any, ...]]] = [
    ("Asr", "wake", ()), ("Asr", "transcribe", (speech(0.2), "en")), ("Asr", "stream", (speech(0.2), "en")),
    ("Tts", "wake", ()), ("Tts", "speak", ("Good.", HEART, "en")),
    ("Llm", "wake", ()), ("Llm", "reply", (prompt(),)), ("Llm", "prepare", (prompt(),)),
    ("Queries", "embed", (["good"], "query")),
    ("Passages", "embed", (["good"], "passage")), ("Passages", "similarity", ("a", "b")),
    ("Passages", "rerank", ("a", ["b"])),
]  # fmt: skip
AUDIENCE: dict[str, Any] = {"Asr": "asr", "Tts": "tts", "Llm": "llm", "Queries": "embed", "Passages": "embed"}
STREAMS = ("stream", "speak", "reply")


class Ago:
    """A clock that is behind."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return datetime.now(UTC) - self._by

    def monotonic(self) -> float:
        return 0.0


def bad_tokens(key: str, audience: Any) -> dict[str, str]:
    """Return what somebody might bring who has no good token for this function."""
    clock = SystemClock()
    good = WorkerTokens(key, clock).token(audience)
    now = clock.now()
    user = User(id="u1", username="Ada", email="ada@parley.test", created_at=now, password_at=now)
    session = Session(
        id="s1", user_id="u1", device="", address="", created_at=now, seen_at=now, proved_at=now,
        expires_at=now + timedelta(days=1), refresh="r1", before="", rotated_at=now,
    )  # fmt: skip
    return {
        "none": "",
        "text": "let me in",
        "expired": WorkerTokens(key, Ago(timedelta(seconds=61))).token(audience),
        "of another function": WorkerTokens(key, clock).token("llm" if audience != "llm" else "tts"),
        "of another key": WorkerTokens(secrets.token_urlsafe(48), clock).token(audience),
        "changed": good[:-2] + ("AA" if good[-2:] != "AA" else "BB"),
        "an access token": Issuer(key, key, ISSUER, clock).access(session, user),
        "of another site": Issuer(key, key, "https://elsewhere.test", clock).worker(audience),
    }


async def asked(t: Target, cls: str, method: str, args: tuple[Any, ...], token: object) -> Any:
    """Ask as any client of Modal's could, around the runtime port; what is answered as an error is raised."""
    from modal import Cls

    remote = getattr(Cls.from_name("parley", cls, client=t.apps.client)(), method)
    if method in STREAMS:
        return [item async for item in remote.remote_gen.aio(*args, token=token)]
    found = await remote.remote.aio(*args, token=token)
    if isinstance(found, tuple) and isinstance(found[0], NotAllowed):
        raise found[0]
    return found


async def asked_by_the_web(t: Target, cls: str, method: str, args: tuple[Any, ...]) -> Any:
    """Ask with a good token; once more when it ran out while a container started, as infra.modal_runtime does."""
    tokens = WorkerTokens(t.apps.worker_key, SystemClock())
    token = tokens.token(AUDIENCE[cls])
    try:
        return await asked(t, cls, method, args, token)
    except NotAllowed:
        if (newer := tokens.token(AUDIENCE[cls])) == token:
            raise
    return await asked(t, cls, method, args, newer)


@case(DOOR, IN_PROCESS)
async def every_method_answers_a_good_token(t: Target) -> None:
    for cls, method, args in CALLS:
        assert await asked_by_the_web(t, cls, method, args)


@case(DOOR, IN_PROCESS)
async def every_method_refuses_every_other_token(t: Target) -> None:
    for cls, method, args in CALLS:
        for kind, token in bad_tokens(t.apps.worker_key, AUDIENCE[cls]).items():
            with pytest.raises(NotAllowed, match="token_bad"):
                raise AssertionError(f"{cls}.{method} took {kind}: {await asked(t, cls, method, args, token)}")


@case(DOOR, IN_PROCESS)
async def a_call_that_brings_no_token_at_all_is_refused(t: Target) -> None:
    from modal import Cls

    with pytest.raises(NotAllowed, match="token_bad"):
        await Cls.from_name("parley", "Asr", client=t.apps.client)().transcribe.remote.aio(speech(0.2), "en")


@case(DOOR, IN_PROCESS)
async def who_is_refused_does_not_spoil_the_batch_of_others(t: Target) -> None:
    import asyncio

    await asked_by_the_web(t, "Queries", "embed", (["good"], "query"))  # the container is up: no token runs out
    good = WorkerTokens(t.apps.worker_key, SystemClock()).token("embed")
    tokens = [good, "", good, "bad", good]
    found = await asyncio.gather(
        *(asked(t, "Queries", "embed", ([f"text {n}"], "query"), token) for n, token in enumerate(tokens)),
        return_exceptions=True,
    )
    assert [isinstance(answer, NotAllowed) for answer in found] == [False, True, False, True, False]
    assert all(len(answer[0]) == 1 for answer in found if not isinstance(answer, BaseException))
