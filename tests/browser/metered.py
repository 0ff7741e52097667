"""`python -m tests.browser.metered`: the app with scripted engines, and as much voice a day as the file PURSE says."""

import os
import sys
from pathlib import Path

import msgspec

from domain.membership.model import Allowance, Feature
from domain.membership.ports import Allowances
from infra import wiring
from infra.config import Config
from infra.wiring import Services
from web import __main__ as web


class Purse:
    """What plans give, but for the seconds of voice, and for midnight: what was used yesterday is used today."""

    def __init__(self, plans: Allowances, file: Path) -> None:
        self._plans, self._file = plans, file

    def allowance(self, owner: str, feature: Feature) -> Allowance:
        given = self._plans.allowance(owner, feature)
        if feature != "voice_seconds":
            return given
        return msgspec.structs.replace(given, limit=int(self._file.read_text()), window="today")


def assemble(config: Config, has_index: bool = True) -> Services:
    services = _assemble(config, has_index)
    meter = services.minutes.metering
    meter._allowances = Purse(meter._allowances, Path(os.environ["PURSE"]))  # type: ignore[attr-defined]
    return services


_assemble = wiring.assemble
if __name__ == "__main__":
    wiring.assemble = assemble
    sys.exit(web.main())
