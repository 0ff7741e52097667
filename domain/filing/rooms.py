"""How much somebody may keep: what the operator allows everybody, and what a plan gives, whichever is less."""

from datetime import timedelta

import msgspec

from domain.errors import Conflict, NeedsMembership, ParleyError
from domain.filing.ports import Room
from domain.membership.model import Feature
from domain.membership.ports import Allowances

MB = 1024 * 1024
_FULL: dict[str, Feature] = {"files_full": "files", "files_heavy": "file_bytes", "chats_full": "saved_chats"}


class Rules(msgspec.Struct, frozen=True):
    """What the operator allows everybody."""

    files: int = 20
    bytes: int = 200 * MB
    temporary: timedelta = timedelta(hours=24)


class Rooms:
    """All of it waits for the store."""

    def __init__(self, allowances: Allowances, rules: Rules) -> None:
        self._allowances, self.rules = allowances, rules

    def of(self, owner: str, *, least: int = 1, chats: bool = False, replaces: str = "") -> Room:
        files, bytes_ = (self._allowances.allowance(owner, feature).limit for feature in ("files", "file_bytes"))
        return Room(
            files=min(self.rules.files, files),
            bytes=min(self.rules.bytes, bytes_),
            least=least,
            saved_chats=self._allowances.allowance(owner, "saved_chats").limit if chats else None,
            replaces=replaces,
        )

    def check_saves(self, owner: str) -> None:
        """Raises NeedsMembership("saves_not_given") where a plan gives no saved chats at all."""
        if self._allowances.allowance(owner, "saved_chats").limit < 1:
            raise self.refusal(owner, Conflict("chats_full"))

    def refusal(self, owner: str, error: Conflict) -> ParleyError:
        """Say what there is too much of: where the plan is what gives too little, that a better one gives more."""
        feature = _FULL.get(error.code)
        if feature is None:
            return error
        allowed = self._allowances.allowance(owner, feature)
        most = {"files": self.rules.files, "file_bytes": self.rules.bytes}.get(feature, allowed.limit)
        if feature == "saved_chats" and allowed.limit < 1:
            return NeedsMembership("saves_not_given", feature=feature, better=allowed.better)
        shown = min(most, allowed.limit) // (MB if feature == "file_bytes" else 1)
        if allowed.better and allowed.limit <= most:
            return NeedsMembership(error.code, feature=feature, better=allowed.better, most=shown)
        return Conflict(error.code, most=shown)
