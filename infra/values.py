"""The values of settings, read and checked one by one. What cannot be used is a ConfigError that names the setting."""

import os
import re
import secrets
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from infra.settings import SETTINGS

Word = TypeVar("Word", bound=str)
DEFAULTS = {setting.name: setting.default for setting in SETTINGS}
KEY_LENGTH = 32  # characters, at least
_THREE = re.compile(r"\d{1,7},\d{1,2},\d{1,2}", re.ASCII)
_USD = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)


class ConfigError(Exception):
    """A setting cannot be used; the text names it and says what would do."""


class Values:
    """Every method takes the name of a setting and raises ConfigError."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, name: str, default: str = "") -> str:
        return self._env.get(name) or default

    def one_of(self, name: str, *allowed: Word) -> Word:
        value = self.text(name, DEFAULTS[name])
        for word in allowed:
            if word == value:
                return word
        raise ConfigError(f"{name}={value!r}: use one of {', '.join(allowed)}")

    def switch(self, name: str) -> bool:
        return self.one_of(name, "0", "1") == "1"

    def number(self, name: str, low: int, high: int) -> int:
        value = self.text(name, DEFAULTS[name])
        if not value.isdecimal() or not low <= int(value) <= high:
            raise ConfigError(f"{name}={value!r}: use a number from {low} to {high}")
        return int(value)

    def usd(self, name: str) -> Decimal:
        value = self.text(name, "0")
        if not _USD.fullmatch(value):
            raise ConfigError(f"{name}={value!r}: use dollars for a million tokens, like 0.15")
        return Decimal(value)

    def address(self, name: str, usable: str, *schemes: str) -> str:
        """Return a URL without a slash at its end, "" where there is none. It may hold a password: never repeated."""
        value = self.text(name).rstrip("/")
        if value and not (value.partition("://")[0] in schemes and host_of(value)):
            raise ConfigError(f"{name} cannot be used: give {usable}")
        return value

    def key(self, name: str, made: Path | None = None) -> str:
        """Return a key that signs; `made` is the file of one that this laptop made for itself, and makes now."""
        value = self.text(name)
        if value and len(value) < KEY_LENGTH:
            raise ConfigError(f"{name} is too short: use {KEY_LENGTH} characters or more")
        return value or (_of_this_laptop(made) if made else "")

    def argon2(self, name: str) -> tuple[int, int, int]:
        """Argon2 itself wants 8 KiB for every lane; 1 GiB would be gone after a few people who sign in at once."""
        value = self.text(name, DEFAULTS[name])
        memory, passes, lanes = map(int, value.split(",")) if _THREE.fullmatch(value) else (0, 0, 0)
        if not (1 <= lanes <= 16 and 1 <= passes <= 32 and 8 * lanes <= memory <= 1_048_576):
            raise ConfigError(f"{name}={value!r}: give KiB of memory, passes and lanes, like {DEFAULTS[name]}")
        return memory, passes, lanes


def host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") if parts.port != 0 else ""  # `port` raises for what is none
    except ValueError:
        return ""


def _of_this_laptop(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()
