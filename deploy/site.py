"""The web application as its one container on Modal serves it."""

from collections.abc import Mapping
from typing import Any

from deploy.secrets import WEB, kind, problems
from infra.config import ConfigError, read


def site(env: Mapping[str, str], address: str) -> Any:
    """Return the ASGI application; `address` is what Modal calls it, unless PUBLIC_URL says otherwise.

    Raises ConfigError for settings with which something would be lost, Unavailable when the database is out of reach:
    then Modal logs it and answers 500, and nothing half-started takes requests.
    """
    if wrong := problems(env, kind(env)):
        raise ConfigError(f"Parley cannot start; put it right in the Modal secret {WEB}. " + ". ".join(wrong))
    # Imported here: `make deploy` imports this package's entry, and needs neither web server nor templates.
    from infra import telemetry, wiring
    from web.app import create_app

    config = read({**env, "PUBLIC_URL": env.get("PUBLIC_URL") or address})
    telemetry.configure(config)
    wiring.migrate(config)
    return create_app(wiring.assemble(config))
