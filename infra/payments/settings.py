"""The settings of payments: which providers there are, and their keys."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

Kind = Literal["sandbox", "stripe", "wechat"]
KINDS = ("sandbox", "stripe", "wechat", "off")
STRIPE = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET")
WECHAT = (
    "WECHAT_MCHID", "WECHAT_APPID", "WECHAT_SERIAL", "WECHAT_PRIVATE_KEY", "WECHAT_APIV3_KEY", "WECHAT_PUBLIC_KEY",
    "WECHAT_PUBLIC_KEY_ID",
)  # fmt: skip
_STRIPE_KEY = re.compile(r"(sk|rk)_(live|test)_[A-Za-z0-9_]{8,250}", re.ASCII)
_MOST_PEM = 20_000


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """What a merchant of WeChat Pay has. Keys are PEM; `api_key` is 32 characters."""

    mchid: str
    appid: str
    serial: str  # of the merchant's certificate
    private_key: str
    api_key: str
    public_key: str  # the platform's
    public_key_id: str

    def __repr__(self) -> str:
        return f"Keys({self.mchid})"


class BadSetting(Exception):
    """The text names the setting and never its value."""


class Payments(msgspec.Struct, frozen=True, kw_only=True):
    """`kinds` is empty where everybody has everything."""

    kinds: tuple[Kind, ...] = ("sandbox",)
    stripe_key: str = ""
    stripe_webhook_secret: str = ""
    stripe_account: str = ""
    wechat: Keys | None = None
    sandbox_port: int = 0

    def __repr__(self) -> str:
        return f"Payments({', '.join(self.kinds) or 'off'})"


def kinds(env: Mapping[str, str]) -> tuple[Kind, ...]:
    """Raises BadSetting.

    On Modal there is no sandbox unless somebody wants it: containers share no disk, and no browser reaches their ports.
    """
    usual = "off" if env.get("RUNTIME") == "modal" else "sandbox"
    told = [name.strip() for name in (env.get("PAYMENTS") or usual).split(",")]
    alone = "off" in told or "sandbox" in told
    if not set(told) <= set(KINDS) or len(set(told)) < len(told) or (alone and len(told) > 1):
        raise BadSetting("PAYMENTS cannot be used: give `sandbox`, `stripe`, `wechat`, `stripe,wechat` or `off`")
    return tuple(name for name in told if name != "off")  # type: ignore[misc]


def read(env: Mapping[str, str]) -> Payments:
    """Raises BadSetting."""
    there = kinds(env)
    needed = [*(STRIPE if "stripe" in there else ()), *(WECHAT if "wechat" in there else ())]
    if missing := [name for name in needed if not env.get(name, "").strip()]:
        raise BadSetting(f"PAYMENTS needs {', '.join(missing)} as well")
    key = env.get("STRIPE_SECRET_KEY", "").strip()
    if "stripe" in there and not _STRIPE_KEY.fullmatch(key):
        raise BadSetting("STRIPE_SECRET_KEY cannot be used: it begins with sk_live_, sk_test_, rk_live_ or rk_test_")
    secret = env.get("STRIPE_WEBHOOK_SECRET", "").strip()
    if "stripe" in there and not secret.startswith("whsec_"):
        raise BadSetting("STRIPE_WEBHOOK_SECRET cannot be used: it begins with whsec_")
    account = env.get("STRIPE_ACCOUNT", "").strip()
    if account and not account.startswith("acct_"):
        raise BadSetting("STRIPE_ACCOUNT cannot be used: it begins with acct_; leave it empty without Connect")
    port = env.get("SANDBOX_PORT") or "0"
    if not port.isdecimal() or int(port) > 65_535:
        raise BadSetting("SANDBOX_PORT cannot be used: give a number from 0 to 65535")
    return Payments(
        kinds=there,
        stripe_key=key,
        stripe_webhook_secret=secret,
        stripe_account=account,
        wechat=_wechat(env) if "wechat" in there else None,
        sandbox_port=int(port),
    )


def _wechat(env: Mapping[str, str]) -> Keys:
    api_key = env["WECHAT_APIV3_KEY"].strip()
    if len(api_key.encode()) != 32:
        raise BadSetting("WECHAT_APIV3_KEY cannot be used: it has 32 characters")
    return Keys(
        mchid=env["WECHAT_MCHID"].strip(),
        appid=env["WECHAT_APPID"].strip(),
        serial=env["WECHAT_SERIAL"].strip(),
        private_key=_pem(env, "WECHAT_PRIVATE_KEY", "PRIVATE KEY"),
        api_key=api_key,
        public_key=_pem(env, "WECHAT_PUBLIC_KEY", "PUBLIC KEY"),
        public_key_id=env["WECHAT_PUBLIC_KEY_ID"].strip(),
    )


def _pem(env: Mapping[str, str], name: str, kind: str) -> str:
    """Return a key that is given as text, with \\n or without, or as the path of its file."""
    text = env[name].strip().replace("\\n", "\n")
    if not text.startswith("-----BEGIN"):
        try:
            with Path(text).expanduser().open() as file:
                text = file.read(_MOST_PEM).strip()
        except (OSError, ValueError):
            raise BadSetting(f"{name} cannot be read: give the PEM text, or the path of a file with it") from None
    if f"-----BEGIN {kind}-----" not in text:
        raise BadSetting(f"{name} is not what it should be: PEM that begins with BEGIN {kind}")
    return text + "\n"
