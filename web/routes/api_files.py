"""/api/files: people's files for programs. Bearer tokens; the same rules and limits as on the page.

Docstrings and types are what programs are told at /api/openapi.json.
"""

from typing import Annotated, Any, TypeVar

from litestar import Request, Response, Router, delete, post
from litestar.params import QueryParameter

from domain.errors import BadInput
from domain.filing.model import Stored
from infra.wiring import Services
from web import api_errors
from web.api_errors import BEARER, refusals
from web.bodies import StrictRequest
from web.callers import signed_in
from web.downloads import download
from web.file_limits import may_file
from web.needs import NeedServices, PathId, get
from web.routes import api_files_bodies as bodies
from web.routes.api_files_bodies import file_of, room_of
from web.uploads import UPLOAD_BYTES, Upload, incoming

AnyRequest = Request[Any, Any, Any]
Told = TypeVar("Told")
NO_STORE = {"cache-control": "no-store"}
MOST_LISTED = 100
KEY_HEADER = "idempotency-key"


@post(
    "/", status_code=201, role="user", request_max_body_size=UPLOAD_BYTES, responses=refusals(401, 402, 409),
    security=BEARER,
)
async def upload_file(request: AnyRequest, services: NeedServices) -> Response[bodies.File]:
    """Send a file of at most 50 MB. It is temporary unless `area` says otherwise. What it is, its bytes decide.

    Sent again with the same `Idempotency-Key` it is the same file (409 where the bytes are others).
    """
    await may_file(request, services)
    stored = await take(services, signed_in(request).user.id, await incoming(request), key_of(request))
    return _json(file_of(stored), 201)


@get("/", role="user", responses=refusals(401), security=BEARER)
async def list_files(
    request: AnyRequest,
    services: NeedServices,
    before: Annotated[str, QueryParameter(description="The `next` of the answer before.")] = "",
    limit: Annotated[int, QueryParameter(description="At most so many.", ge=1, le=MOST_LISTED)] = MOST_LISTED,
) -> Response[bodies.Files]:
    """Files, the newest first, and how much room there is."""
    owner, cabinet = signed_in(request).user.id, services.filing.cabinet
    files = await cabinet.all_of(owner, limit, before)
    more = files[-1].id if len(files) == limit else ""
    return _json(bodies.Files([file_of(each) for each in files], room_of(await cabinet.quota(owner)), more))


@get("/{file_id:str}", role="user", responses=refusals(401, 404), security=BEARER)
async def file(request: AnyRequest, file_id: PathId, services: NeedServices) -> Response[bodies.File]:
    """What is known of a file."""
    return _json(file_of(await services.filing.cabinet.get(signed_in(request).user.id, file_id)))


@get("/{file_id:str}/content", role="user", responses=refusals(401, 404, 416), security=BEARER, raw=True)
async def file_content(request: AnyRequest, file_id: PathId, services: NeedServices) -> Response[bytes]:
    """Its bytes, all of them or a `Range`. To be kept as a file: nothing in it is ever shown as a page."""
    return await download(request, services.filing.cabinet, signed_in(request).user.id, file_id)


@delete("/{file_id:str}", status_code=200, role="user", responses=refusals(401, 404), security=BEARER)
async def delete_file(request: AnyRequest, file_id: PathId, services: NeedServices) -> Response[bodies.File]:
    """Remove a file. `restore` brings it back for an hour, unless another is removed after it."""
    await may_file(request, services)
    return _json(file_of(await services.filing.cabinet.remove(signed_in(request).user.id, file_id)))


@post("/{file_id:str}/restore", status_code=200, role="user", responses=refusals(401, 402, 404, 409), security=BEARER)
async def restore_file(request: AnyRequest, file_id: PathId, services: NeedServices) -> Response[bodies.File]:
    """Bring back the file that was removed last."""
    await may_file(request, services)
    return _json(file_of(await services.filing.cabinet.restore(signed_in(request).user.id, file_id)))


@post("/{file_id:str}/permanent", status_code=200, role="user", responses=refusals(401, 404), security=BEARER)
async def keep_file(request: AnyRequest, file_id: PathId, services: NeedServices) -> Response[bodies.File]:
    """Keep a temporary file for good."""
    await may_file(request, services)
    return _json(file_of(await services.filing.cabinet.make_permanent(signed_in(request).user.id, file_id)))


api_files = Router(
    "/api/files",
    route_handlers=[
        upload_file, list_files, file, file_content, delete_file, restore_file, keep_file,
    ],
    exception_handlers=api_errors.HANDLERS,
    request_class=StrictRequest,
    tags=["Files"],
)  # fmt: skip


async def take(services: Services, owner: str, upload: Upload, key: str = "") -> Stored:
    """Store what is coming; where it is refused, let its sender finish, or they would not hear why."""
    try:
        area = upload.choice("area", "temporary", "temporary", "permanent")
        return await services.filing.cabinet.put(
            owner, upload.name, upload.data, area=area, size=upload.size, least=upload.least, key=key  # type: ignore[arg-type]
        )
    except Exception:
        await upload.drain()
        raise


def key_of(request: AnyRequest) -> str:
    """Return the sender's key, "" where there is none. Raises BadInput("key_bad")."""
    key = str(request.headers.get(KEY_HEADER, ""))
    if len(key) > 200 or not key.isascii() or not key.isprintable():
        raise BadInput("key_bad")
    return key


def _json(told: Told, status: int = 200) -> Response[Told]:
    return Response(told, media_type="application/json", status_code=status, headers=NO_STORE)
