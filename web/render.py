"""Templates to responses: pages for browsers, fragments for htmx, in the reader's language."""

import hashlib
from pathlib import Path
from typing import Any, Literal

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response

from domain.chat import Message
from domain.persona import LANGUAGES, Language
from web import attachments
from web.assets import Assets
from web.callers import Caller
from web.citations import pages_of
from web.i18n import HTML_LANG, catalogue, choose, gettext, ngettext, reading
from web.visitors import device_words

TEMPLATES = Path(__file__).parent / "templates"
HTML = "text/html"
# A page that is the same for everybody who reads the same language in the same theme. Both may come from a
# cookie, so caches keep variants by Cookie: first visitors, who have none, share one.
SHARED = {
    "cache-control": "public, max-age=0, s-maxage=300, stale-while-revalidate=3600",
    "vary": "Accept-Language, Cookie",
}
SOON = ("base", "parts/", "gallery/", "character/", "room/", "errors/")
Theme = Literal["light", "dark", "auto"]
THEMES: tuple[Theme, ...] = ("light", "dark", "auto")


class Ui(msgspec.Struct, frozen=True):
    """How the page is to look and read; every template gets it as `ui`."""

    language: Language
    theme: Theme
    path: str
    assets: Assets
    caller: Caller | None = None  # None on pages that caches keep for everybody, and while it cannot be known

    @property
    def csrf(self) -> str:
        """Return what forms send along in the field `csrf`."""
        return self.caller.csrf if self.caller is not None else ""

    @property
    def html_lang(self) -> str:
        return HTML_LANG[self.language]

    @property
    def version(self) -> str:
        return self.assets.version

    def asset(self, name: str) -> str:
        return self.assets.url(name)


class Pages:
    """Renders templates of `folder`; autoescaped, and an unknown name in one is an error."""

    def __init__(self, assets: Assets, folder: Path = TEMPLATES) -> None:
        self.assets = assets
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.install_gettext_callables(  # type: ignore[attr-defined]
            gettext, ngettext, newstyle=True
        )
        self._environment.globals["cues_of"] = cues_of
        self._environment.globals["pages_of"] = pages_of
        self._environment.globals["facts_of"] = attachments.facts
        self._environment.globals["reason_of"] = attachments.reason
        self._environment.globals["device_words"] = device_words
        self._environment.globals["may_mend"] = attachments.may_mend

    def ui(self, request: Request[Any, Any, Any], shared: bool = False) -> Ui:
        caller = None if shared else (request.scope.get("state") or {}).get("caller")
        theme = request.cookies.get("theme")
        return Ui(
            choose(request.cookies.get("language"), request.headers.get("accept-language")),
            theme if theme in ("light", "dark") else "auto",  # type: ignore[arg-type]
            request.url.path,
            self.assets,
            caller,
        )

    def warm(self) -> None:
        """Compile every template and catalogue, so that no first reader and no stream waits for it. About a second."""
        for language in LANGUAGES:
            catalogue(language)
        # What people see first, first; admins and operators last.
        for name in sorted(self._environment.list_templates(), key=lambda name: not name.startswith(SOON)):
            self._environment.get_template(name)

    def html(self, template: str, ui: Ui, **context: object) -> str:
        with reading(ui.language):
            return self._environment.get_template(template).render(ui=ui, **context)

    def page(
        self,
        request: Request[Any, Any, Any],
        template: str,
        *,
        shared: bool = False,
        status_code: int = 200,
        **context: object,
    ) -> Response[bytes]:
        """Return the rendered template; `shared` pages may be kept by caches and are revalidated by ETag."""
        body = self.html(template, self.ui(request, shared), **context).encode("utf-8", "replace")
        if not shared:
            return Response(body, media_type=HTML, status_code=status_code)
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
        if unchanged(request, etag):
            return Response(b"", status_code=304, headers={**SHARED, "etag": etag})
        return Response(body, media_type=HTML, headers={**SHARED, "etag": etag})


def cues_of(message: Message) -> str:
    """Return the pieces of a reply and when they sound, as JSON for a data attribute."""
    return msgspec.json.encode(message.cues).decode()


def unchanged(request: Request[Any, Any, Any], etag: str) -> bool:
    """Whether the browser says that it has this version."""
    tags = request.headers.get("if-none-match", "")
    return any(tag.strip().removeprefix("W/") in (etag.removeprefix("W/"), "*") for tag in tags.split(","))
