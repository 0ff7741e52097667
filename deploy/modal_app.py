"""The deployed app: every function, the web application, and the crawl. `make deploy` gives this module to Modal.

Modal imports it twice: here, to learn what is declared, and in the containers of `web`, `crawl` and `visit`. Hence
no import of ours at the top that needs the web's packages, and no look at files that only the checkout has.
"""

import os
from pathlib import Path
from typing import Any

import modal

from deploy.secrets import SECRETS, WEB, kind
from functions import images
from functions.app import app as app  # Modal looks for this name here
from functions.pools import CODE, KIND_SETTING, pools

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ("characters", "db", "deploy", "domain", "functions", "infra", "web")
DATA = "/data"  # a volume: sounds that were made once outlive the container
EVERY = "*/30 * * * *"

LOCK = ROOT / "requirements" / "databases.txt"

_pools = pools()
_laptop = kind(os.environ) == "laptop"
# Passed as `env`, not baked into the image: the local plane has no images, and containers must agree with whoever
# deployed about the pool table.
_env: dict[str, str | None] = {
    "RUNTIME": "local" if _laptop else "modal",
    "LOG_FORMAT": "json",
    "CRAWL": "0",  # the schedule does, not the web
    "DATA_DIR": "var" if _laptop else DATA,
    KIND_SETTING: "laptop" if _laptop else "cloud",
}
_image = modal.Image.debian_slim(python_version=images.PYTHON).pip_install_from_requirements(
    str(LOCK), extra_options="--require-hashes --no-deps"
)
for _name in SOURCE:
    _image = _image.add_local_dir(ROOT / _name, f"{CODE}/{_name}", ignore=images.NOT_SOURCE)
_secrets = [modal.Secret.from_name(each.name, required_keys=list(each.must)) for each in SECRETS if each.name == WEB]
_data = modal.Volume.from_name("parley-web", create_if_missing=True)


def files() -> list[Path]:
    """Return what the checkout has to hold for the images to be built."""
    return list(dict.fromkeys([LOCK, *(ROOT / name for name in SOURCE), *images.files()]))


@app.function(image=_image, secrets=_secrets, env=_env, volumes={DATA: _data}, **_pools["web"].declare())
@modal.concurrent(max_inputs=_pools["web"].concurrency)
@modal.asgi_app()
def web() -> Any:
    """Return the ASGI application; Modal calls this once per container."""
    from deploy.site import site

    return site(os.environ, web.get_web_url() or "")


@app.function(
    image=_image, secrets=_secrets, env=_env, schedule=modal.Cron(EVERY, timezone="UTC"), **_pools["crawl"].declare()
)
async def crawl() -> str:
    """Hand out the sources that are due, and see to what was left undone. A scheduled function takes no arguments."""
    from deploy.crawling import hand_out

    said = await hand_out(os.environ, visit.spawn.aio)
    print(f"crawl: {said}", flush=True)
    return said


@app.function(image=_image, secrets=_secrets, env=_env, **_pools["visit"].declare())
async def visit(source_id: str, run_id: str = "") -> str:
    """Work on one source for a slice; where more is left, the next slice is another call."""
    from deploy.crawling import one_slice

    said = await one_slice(os.environ, source_id, run_id, visit.spawn.aio)
    print(f"visit: {said}", flush=True)
    return said
