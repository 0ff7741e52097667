"""RPCs of a session and of apps: hello, look up, create, publish, stop."""

# ruff: noqa: N802 - methods are named as the RPCs

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.local.apps import App
from infra.local.definitions import handle
from infra.local.plane import Plane
from infra.local.server import Caller

UNSIGNED = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9."  # a JWT that expires in 2100; clients read just that
BUILDER = "2025.06"  # the image builder version that a new workspace gets; nothing is built here


class Session:
    """Hello. Any token is welcome: only this machine can connect."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    async def ClientHello(self, request: Empty, caller: Caller) -> api_pb2.ClientHelloResponse:
        return api_pb2.ClientHelloResponse(image_builder_version=BUILDER)

    async def AuthTokenGet(self, request: api_pb2.AuthTokenGetRequest, caller: Caller) -> api_pb2.AuthTokenGetResponse:
        return api_pb2.AuthTokenGetResponse(token=UNSIGNED)


class AppRpcs:
    """Apps by name and by id."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._apps = plane.apps

    async def AppGetByDeploymentName(
        self, request: api_pb2.AppGetByDeploymentNameRequest, caller: Caller
    ) -> api_pb2.AppGetByDeploymentNameResponse:
        app = self._apps.by_name.get((request.environment_name, request.name))
        if app is None or app.stopped:
            return api_pb2.AppGetByDeploymentNameResponse(environment_name=request.environment_name)
        return api_pb2.AppGetByDeploymentNameResponse(app_id=app.id, environment_name=request.environment_name)

    async def AppGetOrCreate(
        self, request: api_pb2.AppGetOrCreateRequest, caller: Caller
    ) -> api_pb2.AppGetOrCreateResponse:
        app = self._apps.by_name.get((request.environment_name, request.app_name))
        if app is None or app.stopped:
            if request.object_creation_type != api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
                raise GRPCError(Status.NOT_FOUND, f"App '{request.app_name}' not found")
            app = self._new(request.environment_name)
            app.name = request.app_name
            app.deployed = True
            self._apps.by_name[request.environment_name, request.app_name] = app
        metadata = api_pb2.AppHandleMetadata(
            app_id=app.id, description=app.name, environment_name=request.environment_name
        )
        return api_pb2.AppGetOrCreateResponse(app_id=app.id, handle_metadata=metadata)

    async def AppCreate(self, request: api_pb2.AppCreateRequest, caller: Caller) -> api_pb2.AppCreateResponse:
        app = self._new(request.environment_name)
        return api_pb2.AppCreateResponse(app_id=app.id, app_page_url=self._page(app), app_logs_url=self._page(app))

    async def AppGetLayout(self, request: api_pb2.AppGetLayoutRequest, caller: Caller) -> api_pb2.AppGetLayoutResponse:
        return api_pb2.AppGetLayoutResponse(app_layout=layout(self._plane, self._find(request.app_id)))

    async def AppPublish(self, request: api_pb2.AppPublishRequest, caller: Caller) -> api_pb2.AppPublishResponse:
        """Put the staged definitions in force; containers of the version before drain."""
        app = self._find(request.app_id)
        before = {app.functions[tag] for tag in app.functions} - set(request.function_ids.values())
        app.functions = dict(request.function_ids)
        app.classes = dict(request.class_ids)
        app.version += 1
        app.deployed = request.app_state == api_pb2.APP_STATE_DEPLOYED
        app.stopped = False
        if request.name:
            app.name = request.name
            self._apps.by_name[app.environment, app.name] = app
        for function_id in app.functions.values():
            self._plane.autoscaler.publish(self._apps.functions[function_id], app.version)
        for function_id in before:
            self._plane.autoscaler.retire(self._apps.functions[function_id])
        self._plane.deployed.ring()
        return api_pb2.AppPublishResponse(url=self._page(app), deployed_at=self._plane.clock())

    async def AppStop(self, request: api_pb2.AppStopRequest, caller: Caller) -> Empty:
        self._stop(self._find(request.app_id))
        return Empty()

    async def AppClientDisconnect(self, request: api_pb2.AppClientDisconnectRequest, caller: Caller) -> Empty:
        """End an app that lived only as long as its client (`modal run`); deployed ones stay."""
        app = self._apps.by_id.get(request.app_id)
        if app is not None and not app.deployed:
            self._stop(app)
        return Empty()

    async def AppHeartbeat(self, request: api_pb2.AppHeartbeatRequest, caller: Caller) -> Empty:
        return Empty()

    async def AppList(self, request: api_pb2.AppListRequest, caller: Caller) -> api_pb2.AppListResponse:
        reply = api_pb2.AppListResponse()
        for app in self._apps.by_name.values():
            state = api_pb2.APP_STATE_STOPPED if app.stopped else api_pb2.APP_STATE_DEPLOYED
            reply.apps.add(app_id=app.id, name=app.name, description=app.name, state=state)
        return reply

    def _new(self, environment: str) -> App:
        app = App(self._apps.new_id("ap"), environment=environment)
        self._apps.by_id[app.id] = app
        return app

    def _find(self, app_id: str) -> App:
        app = self._apps.by_id.get(app_id)
        if app is None:
            raise GRPCError(Status.NOT_FOUND, f"App {app_id} not found")
        return app

    def _stop(self, app: App) -> None:
        app.stopped = True
        for function_id in set(app.made.values()):
            self._plane.autoscaler.retire(self._apps.functions[function_id])
        self._plane.deployed.ring()

    def _page(self, app: App) -> str:
        return self._plane.dashboard_url or f"{self._plane.url}/apps/{app.id}"


def layout(plane: Plane, app: App) -> api_pb2.AppLayout:
    """Return everything that an app consists of, with every id that a container will look up in it."""
    reply = api_pb2.AppLayout(function_ids=app.functions, class_ids=app.classes)
    for tag, function_id in app.functions.items():
        function = plane.apps.functions[function_id]
        reply.objects.add(object_id=function_id, function_handle_metadata=handle(function))
        class_id = app.classes.get(tag.removesuffix(".*"))
        if class_id is not None:
            metadata = api_pb2.ClassHandleMetadata(
                class_function_id=function_id, class_function_metadata=handle(function)
            )
            reply.objects.add(object_id=class_id, class_handle_metadata=metadata)
    known = {entry.object_id for entry in reply.objects}
    for object_id in _dependencies(plane, app):
        if object_id not in known:
            known.add(object_id)
            _describe(plane, reply.objects.add(object_id=object_id))
    return reply


def _dependencies(plane: Plane, app: App) -> list[str]:
    ids: list[str] = []
    for function_id in app.functions.values():
        definition = plane.apps.functions[function_id].definition
        ids += [dependency.object_id for dependency in definition.object_dependencies]
        ids += [*definition.secret_ids, *definition.mount_ids, definition.image_id]
        ids += [mount.volume_id for mount in definition.volume_mounts]
    return [object_id for object_id in ids if object_id]


def _describe(plane: Plane, entry: api_pb2.Object) -> None:
    """Some kinds of handles refuse to be made without metadata, even an empty one."""
    if entry.object_id.startswith("mo-"):
        entry.mount_handle_metadata.SetInParent()
    elif entry.object_id.startswith("vo-"):
        entry.volume_metadata.SetInParent()
    elif entry.object_id in plane.apps.functions:
        entry.function_handle_metadata.CopyFrom(handle(plane.apps.functions[entry.object_id]))


GROUPS = (Session, AppRpcs)
