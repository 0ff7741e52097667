"""Static files, and the few that browsers look for at fixed addresses."""

from typing import Any

import msgspec
from litestar import Request, Response

from domain.errors import NotFound
from web.assets import FOREVER, Asset
from web.i18n import HTML_LANG, gettext, reading
from web.needs import NeedAssets, NeedPages, PathId, page
from web.render import unchanged

AnyRequest = Request[Any, Any, Any]
CHECKED = "public, max-age=0, must-revalidate"
ROBOTS = b"User-agent: *\nDisallow: /chats\nDisallow: /recent\n"
_ICONS = (("icon-192.png", "192x192"), ("icon-512.png", "512x512"), ("favicon.svg", "any"))


@page("/static/{version:str}/{file:path}", sync_to_thread=False, raw=True)
def static(request: AnyRequest, version: PathId, file: PathId, assets: NeedAssets) -> Response[bytes]:
    """A file under the hash of the whole tree: kept for ever. Under another hash (a page from before an
    update) the file of today is sent, but not to be kept under that name."""
    asset = assets.get(file.lstrip("/"))
    if asset is None:
        raise NotFound("page_gone")
    return _send(request, asset, FOREVER if version == assets.version else CHECKED)


@page("/favicon.ico", sync_to_thread=False, raw=True)
def favicon(request: AnyRequest, assets: NeedAssets) -> Response[bytes]:
    asset = assets.get("favicon.ico") or assets.get("favicon.svg")
    if asset is None:
        raise NotFound("page_gone")
    return _send(request, asset, "public, max-age=86400")


@page("/sw.js", sync_to_thread=False, raw=True)
def service_worker(request: AnyRequest, assets: NeedAssets) -> Response[bytes]:
    """At the root, since a worker's reach is the folder that it comes from."""
    asset = assets.get("sw.js")
    if asset is None:
        raise NotFound("page_gone")
    return _send(request, asset, CHECKED)


@page("/robots.txt", sync_to_thread=False)
def robots() -> Response[bytes]:
    return Response(ROBOTS, media_type="text/plain", headers={"cache-control": "public, max-age=86400"})


@page("/manifest.webmanifest", sync_to_thread=False)
def manifest(request: AnyRequest, assets: NeedAssets, pages: NeedPages) -> Response[bytes]:
    """What a phone needs to keep Parley on its home screen."""
    language = pages.ui(request).language
    with reading(language):
        description = gettext("Talk, by voice, with a character.")
    icons = [
        {"src": assets.url(name), "sizes": sizes, "type": asset.media_type}
        for name, sizes in _ICONS
        if (asset := assets.get(name)) is not None
    ]
    body = {
        "name": "Parley",
        "short_name": "Parley",
        "description": description,
        "lang": HTML_LANG[language],
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#faf7f2",
        "theme_color": "#faf7f2",
        "icons": icons,
    }
    headers = {"cache-control": CHECKED, "vary": "Accept-Language, Cookie"}
    return Response(msgspec.json.encode(body), media_type="application/manifest+json", headers=headers)


def _send(request: AnyRequest, asset: Asset, cache_control: str) -> Response[bytes]:
    headers = {"cache-control": cache_control, "etag": asset.etag}
    if asset.gzipped is not None:
        headers["vary"] = "Accept-Encoding"
    if unchanged(request, asset.etag):
        return Response(b"", status_code=304, headers=headers)
    if asset.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.gzipped, media_type=asset.media_type, headers={**headers, "content-encoding": "gzip"})
    return Response(asset.body, media_type=asset.media_type, headers=headers)
