"""Who may call a function: whoever brings a token that is signed with WORKER_KEY for this very function.

Modal itself lets in only who has a token of the account; this second lock is ours, so that a client which got hold of
the account, or another app in it, cannot have the GPUs speak. Inline, the functions are the web's own process, and
nobody else's calls come in.
"""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from domain.errors import NotAllowed
from domain.worker_tokens import Function, WorkerTokens
from functions.engines.setting import BadSetting

SETTING = "WORKER_KEY"
SECRET = "parley-worker"  # of Modal's: it holds this one key, and GPU functions see no other  # noqa: S105 - a name
SHORTEST = 32


class _Now:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class Door:
    def __init__(self, function: Function, env: Mapping[str, str] = os.environ) -> None:
        """Raises BadSetting: a function without its key does not start, rather than taking every call."""
        key = env.get(SETTING, "")
        if len(key) < SHORTEST:
            raise BadSetting(SETTING, "", f"missing or short: the secret {SECRET} must hold the key of the web")
        self._function = function
        self._tokens = WorkerTokens(key, _Now())

    def admit(self, token: str) -> None:
        """Raises NotAllowed("token_bad")."""
        self._tokens.check(token, self._function)

    def refusal(self, token: str) -> NotAllowed | None:
        """Return what `admit` raises, for methods that are retried when they raise, and for batches."""
        try:
            self.admit(token)
        except NotAllowed as refused:
            return refused
        return None
