"""What is looked at before anything is deployed: first what needs no account, then what the account says."""

import importlib.metadata
from collections.abc import Callable
from datetime import UTC, datetime

import modal
import modal.config
from cronsim import CronSim, CronSimError

from deploy.secrets import SECRETS, Needed

MODAL = (1, 6)  # the release line that the pinned client, the tests and the local plane speak


class Trouble(Exception):
    """Why nothing was deployed, and what to do about it, in a few lines."""


def offline() -> list[str]:
    """Check what can be checked without an account or a network; return what was found to be fine.

    Raises Trouble.
    """
    version = importlib.metadata.version("modal")
    if tuple(int(part) for part in version.split(".")[:2]) != MODAL:
        raise Trouble(f"modal {version} is installed, Parley wants {'.'.join(map(str, MODAL))}.x: run `make setup`")
    try:
        from deploy import modal_app
    except modal.exception.Error as error:
        raise Trouble(f"Modal would refuse this app: {error}") from error
    try:
        CronSim(modal_app.EVERY, datetime.now(UTC))
    except CronSimError as error:
        raise Trouble(f"The schedule of the crawl, {modal_app.EVERY!r}, cannot be read: {error}") from error
    if absent := [str(path) for path in modal_app.files() if not path.exists()]:
        raise Trouble(f"Not there: {', '.join(absent)}. Deploy from a whole checkout")
    return [
        f"modal {version}; the app {modal_app.app.name!r} is declared without a complaint of its client",
        f"the crawl runs at {modal_app.EVERY} UTC",
        f"every file that goes into the images is there ({len(modal_app.files())} paths)",
    ]


def token(config: Callable[[str], object] | None = None) -> None:
    """Raise Trouble unless the client has credentials; whether they are good, the first request tells."""
    get = config or modal.config.config.get
    if (get("token_id") and get("token_secret")) or get("oauth_refresh_token"):
        return
    raise Trouble(
        "There is no Modal token on this machine.\n"
        "  1. Make an account at https://modal.com\n"
        "  2. .venv/bin/modal token new      (opens a browser and keeps the token in ~/.modal.toml)\n"
        "     or, where there is no browser: export MODAL_TOKEN_ID=ak-... MODAL_TOKEN_SECRET=as-...\n"
        "  3. make deploy"
    )


def secrets(look: Callable[[Needed], None] | None = None) -> list[str]:
    """Return the names of the secrets that are there. Raises Trouble for one that is missing or lacks a key."""
    look = look or _look
    for needed in SECRETS:
        try:
            look(needed)
        except (modal.exception.NotFoundError, modal.exception.InvalidError) as error:
            raise Trouble(
                f"The Modal secret {needed.name} ({needed.what_for}) is missing or incomplete: {error}\n"
                f"It must hold {', '.join(needed.must)}. Write them into a file, a line each, NAME=value, then:\n"
                f"  make deploy ARGS='--secrets FILE'"
            ) from error
        except modal.exception.AuthError as error:
            raise Trouble(f"Modal does not accept the token: {error}\n  .venv/bin/modal token new") from error
    return [needed.name for needed in SECRETS]


def _look(needed: Needed) -> None:
    modal.Secret.from_name(needed.name, required_keys=list(needed.must)).hydrate()
