"""Which providers there are, by the settings, and which of them takes an order."""

import logging
from collections.abc import Iterable, Iterator, Mapping

from domain.membership.plans import Plans
from domain.membership.ports import Provider
from infra.config import Config
from infra.payments import signed
from infra.payments.sandbox import Sandbox
from infra.payments.sandbox_wire import WEBHOOK

log = logging.getLogger(__name__)
WEBHOOKS = "/payments/{provider}/webhook"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - where somebody listens on all


class Providers:
    """Those of the settings; none where payments are off. Tests put their own in.

    `by_name` has the one first that is to be preferred for a currency, whoever takes fewer: CNY goes to WeChat Pay
    and USD to Stripe.
    """

    def __init__(self, providers: Iterable[Provider]) -> None:
        ordered = sorted(providers, key=lambda provider: len(provider.currencies))
        self.by_name: Mapping[str, Provider] = {provider.name: provider for provider in ordered}

    def __bool__(self) -> bool:
        return bool(self.by_name)

    def __iter__(self) -> Iterator[Provider]:
        return iter(self.by_name.values())

    def check(self, plans: Plans) -> None:
        """Raises ValueError for a price that is too small to be taken."""
        for provider in self:
            for plan in plans.for_sale:
                for price in plan.prices:
                    least = provider.least.get(price.currency, 1)
                    if price.currency in provider.currencies and price.amount < least:
                        raise ValueError(f"{plan.id}: {provider.name} takes no {price.currency} below {least}")

    async def start(self) -> None:
        """Have the sandbox tell what it could not tell the last time. It is no reason not to serve when it cannot."""
        for provider in self:
            if isinstance(provider, Sandbox):
                try:
                    await provider.start()
                except Exception:
                    log.exception("the sandbox of payments does not start; it is tried again when somebody pays")

    async def close(self) -> None:
        for provider in self:
            await provider.close()


def providers(config: Config, clock: signed.Clock) -> Providers:
    """Return the providers of these settings. Nothing is imported, started or asked yet that takes time."""
    settings, made = config.payments, list[Provider]()
    for kind in settings.kinds:
        if kind == "sandbox":
            made.append(Sandbox(config.data_dir / "sandbox", _here(config), clock, settings.sandbox_port))
        elif kind == "stripe":
            from infra.payments.stripe_ import Stripe

            made.append(Stripe(settings.stripe_key, settings.stripe_webhook_secret, clock, settings.stripe_account))
        elif settings.wechat is not None:
            from infra.payments.wechat import WeChat

            base = config.public_url or f"http://{_host(config)}:{config.port}"
            made.append(WeChat(settings.wechat, base + WEBHOOKS.format(provider="wechat"), clock))
    return Providers(made)


def _here(config: Config) -> str:
    """Where the sandbox finds us: it is on this machine, whatever address others see."""
    return f"http://{_host(config)}:{config.port}{WEBHOOK}"


def _host(config: Config) -> str:
    host = _EVERYWHERE.get(config.host, config.host)
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
