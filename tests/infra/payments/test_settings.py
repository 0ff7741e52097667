"""PAYMENTS and the keys beside it: what is read, what is refused, and which provider takes what."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from deploy import secrets
from domain.membership.model import Currency, Price
from domain.membership.plans import Plans
from infra.config import Config, ConfigError, read
from infra.payments.choose import Providers, providers
from infra.payments.settings import WECHAT, Payments
from infra.payments.wechat import WeChat
from infra.plans import load
from infra.production import problems
from tests.infra.payments.signing import API_KEY, APP, MERCHANT, PLATFORM, private_pem, public_pem
from tests.infra.test_config import GOOD as PRODUCTION

STRIPE = {
    "PAYMENTS": "stripe", "STRIPE_SECRET_KEY": "sk_live_madeForTheseTests",
    "STRIPE_WEBHOOK_SECRET": "whsec_q8Zr0uXk2VtNn5bHc7Jp3Fy6Gm1Ds9Lw",
}  # fmt: skip
WECHAT_ENV = {
    "WECHAT_MCHID": MERCHANT, "WECHAT_APPID": APP, "WECHAT_SERIAL": "5157F09E", "WECHAT_APIV3_KEY": API_KEY,
    "WECHAT_PRIVATE_KEY": private_pem("merchant"), "WECHAT_PUBLIC_KEY": public_pem("platform"),
    "WECHAT_PUBLIC_KEY_ID": PLATFORM,
}  # fmt: skip
BOTH = {**STRIPE, **WECHAT_ENV, "PAYMENTS": "stripe,wechat"}


def config(folder: Path, **env: str) -> Config:
    return read({"DATA_DIR": str(folder), **env})


def made(folder: Path, **env: str) -> Providers:
    return providers(config(folder, **env), lambda: datetime.now(UTC))


def taking(there: Providers, currency: Currency) -> str:
    """Return who takes a currency, as domain.membership.shop looks for it."""
    return next(provider.name for provider in there if currency in provider.currencies)


def test_a_laptop_has_the_sandbox_and_nothing_is_started_or_written(tmp_path: Path) -> None:
    there = made(tmp_path)
    assert [(provider.name, provider.live) for provider in there] == [("sandbox", False)]
    assert not (tmp_path / "sandbox").exists()


def test_without_payments_there_is_no_provider(tmp_path: Path) -> None:
    assert not made(tmp_path, PAYMENTS="off")
    assert config(tmp_path, PAYMENTS="off").payments.kinds == ()


def test_on_modal_payments_are_off_until_somebody_says_who_is_paid(tmp_path: Path) -> None:
    assert config(tmp_path, RUNTIME="modal").payments.kinds == ()
    assert config(tmp_path, RUNTIME="modal", **STRIPE).payments.kinds == ("stripe",)


@pytest.mark.parametrize("order", ["stripe,wechat", "wechat, stripe"])
def test_with_both_each_takes_its_currency_whichever_is_named_first(tmp_path: Path, order: str) -> None:
    there = made(tmp_path, **{**BOTH, "PAYMENTS": order})
    assert (taking(there, "USD"), taking(there, "CNY")) == ("stripe", "wechat")
    assert set(there.by_name) == {"stripe", "wechat"}


def test_stripe_alone_takes_both(tmp_path: Path) -> None:
    there = made(tmp_path, **STRIPE)
    assert (taking(there, "USD"), taking(there, "CNY")) == ("stripe", "stripe")
    assert there.by_name["stripe"].live


def test_wechat_is_told_where_our_webhook_is(tmp_path: Path) -> None:
    there = made(tmp_path, **{**BOTH, "PAYMENTS": "wechat", "PUBLIC_URL": "https://parley.example/"}).by_name["wechat"]
    assert isinstance(there, WeChat)
    assert there._tell == "https://parley.example/payments/wechat/webhook"


def test_keys_may_be_files_or_text_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(private_pem("merchant"))
    one_line = public_pem("platform").strip().replace("\n", "\\n")
    there = config(
        tmp_path, **{**BOTH, "WECHAT_PRIVATE_KEY": str(file), "WECHAT_PUBLIC_KEY": one_line}
    ).payments.wechat
    assert there is not None
    assert (there.private_key, there.public_key) == (private_pem("merchant"), public_pem("platform"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"PAYMENTS": "paypal"}, "PAYMENTS cannot be used"),
        ({"PAYMENTS": "stripe,stripe"}, "PAYMENTS cannot be used"),
        ({"PAYMENTS": "off,stripe"}, "PAYMENTS cannot be used"),
        ({"PAYMENTS": "sandbox,stripe"}, "PAYMENTS cannot be used"),
        ({"PAYMENTS": ","}, "PAYMENTS cannot be used"),
        ({"STRIPE_SECRET_KEY": ""}, "PAYMENTS needs STRIPE_SECRET_KEY"),
        ({"STRIPE_WEBHOOK_SECRET": " "}, "PAYMENTS needs STRIPE_WEBHOOK_SECRET"),
        ({"STRIPE_SECRET_KEY": "pk_live_madeForTheseTests"}, "STRIPE_SECRET_KEY cannot be used"),
        ({"STRIPE_SECRET_KEY": "sk_live_made\nFor"}, "STRIPE_SECRET_KEY cannot be used"),
        ({"STRIPE_WEBHOOK_SECRET": "sk_live_madeForTheseTests"}, "STRIPE_WEBHOOK_SECRET cannot be used"),
        ({"STRIPE_ACCOUNT": "1234"}, "STRIPE_ACCOUNT cannot be used"),
        ({"SANDBOX_PORT": "x"}, "SANDBOX_PORT cannot be used"),
        ({"SANDBOX_PORT": "70000"}, "SANDBOX_PORT cannot be used"),
        ({"WECHAT_APIV3_KEY": "short"}, "WECHAT_APIV3_KEY cannot be used"),
        ({"WECHAT_PRIVATE_KEY": "/nowhere/key.pem"}, "WECHAT_PRIVATE_KEY cannot be read"),
        ({"WECHAT_PRIVATE_KEY": public_pem("platform")}, "WECHAT_PRIVATE_KEY is not what it should be"),
        ({"WECHAT_PUBLIC_KEY": private_pem("merchant")}, "WECHAT_PUBLIC_KEY is not what it should be"),
        *(({name: ""}, f"PAYMENTS needs {name}") for name in WECHAT),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_its_value_is_not(
    tmp_path: Path, change: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, **{**BOTH, **change})
    said = str(caught.value)
    assert words in said
    assert all(value not in said for value in change.values() if len(value) > 8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"PAYMENTS": ""}, "PAYMENTS is not set"),
        ({"PAYMENTS": "", "RUNTIME": "modal"}, "PAYMENTS is not set"),
        ({"PAYMENTS": "sandbox"}, "PAYMENTS is the sandbox"),
        ({**STRIPE, "STRIPE_SECRET_KEY": "sk_test_madeForTheseTests"}, "STRIPE_SECRET_KEY is one of the test mode"),
        ({**STRIPE, "STRIPE_SECRET_KEY": "rk_test_madeForTheseTests"}, "STRIPE_SECRET_KEY is one of the test mode"),
        ({**STRIPE, "STRIPE_WEBHOOK_SECRET": "whsec_short"}, "STRIPE_WEBHOOK_SECRET is too short"),
        ({**BOTH, "WECHAT_APIV3_KEY": "12341234" * 4}, "WECHAT_APIV3_KEY can be guessed"),
        ({**STRIPE, "STRIPE_WEBHOOK_SECRET": "whsec_" + PRODUCTION["SECRET_KEY"]}, "SECRET_KEY is also used"),
    ],
)
def test_production_refuses_what_anybody_could_pay_with(
    tmp_path: Path, change: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, **{**PRODUCTION, **change})
    assert words in str(caught.value)


@pytest.mark.parametrize("env", [STRIPE, BOTH, {**BOTH, "PAYMENTS": "wechat"}, {"PAYMENTS": "off"}])
def test_production_takes_providers_that_take_money_and_none_at_all(tmp_path: Path, env: dict[str, str]) -> None:
    assert config(tmp_path, **{**PRODUCTION, **env}).production
    assert problems({**PRODUCTION, **env}) == []


def test_a_deployment_refuses_the_sandbox_and_keys_that_are_missing() -> None:
    from tests.deploy.test_settings import GOOD as DEPLOYED

    assert secrets.problems({**DEPLOYED, **BOTH}) == []
    [problem] = secrets.problems({**DEPLOYED, "PAYMENTS": "sandbox"})
    assert problem.startswith("PAYMENTS is the sandbox")
    assert secrets.problems({**DEPLOYED, "PAYMENTS": "sandbox"}, "laptop") == []
    [problem] = secrets.problems({**DEPLOYED, "PAYMENTS": "stripe"})
    assert "STRIPE_SECRET_KEY" in problem


def test_no_key_is_in_what_the_settings_print(tmp_path: Path) -> None:
    settings = config(tmp_path, **BOTH).payments
    assert isinstance(settings, Payments)
    assert repr(settings) == "Payments(stripe, wechat)"
    assert repr(settings.wechat) == f"Keys({MERCHANT})"


@pytest.mark.parametrize(
    ("host", "expected"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("127.0.0.1", "127.0.0.1"), ("192.168.1.7", "192.168.1.7")],  # noqa: S104
)
def test_the_sandbox_finds_the_app_where_it_listens(tmp_path: Path, host: str, expected: str) -> None:
    from infra.payments.choose import _here

    assert _here(config(tmp_path, HOST=host, PORT="7333")) == f"http://{expected}:7333/payments/sandbox/webhook"


def test_a_plan_that_costs_less_than_its_provider_takes_is_named_at_the_start(tmp_path: Path) -> None:
    there, ours = made(tmp_path), load()
    there.check(ours)
    cents = msgspec.structs.replace(ours.for_sale[0], prices=(Price("month", 49, "USD"),))
    with pytest.raises(ValueError, match="basic: sandbox takes no USD below 50"):
        there.check(Plans([ours.everybodys, cents], "basic"))
