"""The plans of infra/plans.toml, or of another file of that form."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from domain.membership.model import Feature, Gift, Plan, Price
from domain.membership.plans import Plans

OURS = Path(__file__).with_name("plans.toml")


class _Plan(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    name: dict[str, str]
    tells: dict[str, tuple[str, ...]]
    gives: dict[Feature, Gift]
    prices: tuple[Price, ...] = ()
    trial_days: int = 0


class _File(msgspec.Struct, forbid_unknown_fields=True):
    plan: list[_Plan]
    house: str
    guests: list[Feature]


def read(toml: str) -> Plans:
    """Raises ValueError, which says what is wrong and where."""
    try:
        table: dict[str, Any] = tomllib.loads(toml)
        file = msgspec.convert(table, type=_File, strict=True)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as wrong:
        raise ValueError(f"the plans cannot be read: {wrong}") from None
    plans = [
        Plan(
            id=row.id, rank=rank, names=row.name, tells=row.tells, gives=row.gives, prices=row.prices,
            trial_days=row.trial_days,
        )
        for rank, row in enumerate(file.plan)
    ]  # fmt: skip
    return Plans(plans, file.house, file.guests)


def load(path: Path = OURS) -> Plans:
    """Raises ValueError, OSError."""
    try:
        return read(path.read_text(encoding="utf-8"))
    except ValueError as wrong:
        raise ValueError(f"{path.name}: {wrong}") from None
