"""RPCs that define and look up functions and classes, and that tell or change how they scale."""

# ruff: noqa: N802 - methods are named as the RPCs

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.local.apps import App, Function
from infra.local.definitions import data_of, defined, handle, settings_of, varied
from infra.local.plane import Plane
from infra.local.server import Caller


class Define:
    """What `modal deploy` sends. A definition is staged until the app is published."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._apps = plane.apps

    async def FunctionPrecreate(
        self, request: api_pb2.FunctionPrecreateRequest, caller: Caller
    ) -> api_pb2.FunctionPrecreateResponse:
        """Give the function its id, before those that refer to it are serialized."""
        function = self._made(request.app_id, request.function_name)
        staged = api_pb2.Function(
            function_name=request.function_name,
            function_type=request.function_type,
            webhook_config=request.webhook_config,
            function_schema=request.function_schema,
            supported_input_formats=request.supported_input_formats,
            supported_output_formats=request.supported_output_formats,
            method_definitions=request.method_definitions,
        )
        return api_pb2.FunctionPrecreateResponse(
            function_id=function.id, handle_metadata=handle(self._preview(function, staged))
        )

    async def FunctionCreate(
        self, request: api_pb2.FunctionCreateRequest, caller: Caller
    ) -> api_pb2.FunctionCreateResponse:
        definition = api_pb2.Function()
        definition.CopyFrom(defined(request))
        function = self._made(request.app_id, definition.function_name)
        self._give_urls(function, definition)
        function.request = request
        function.staged = definition
        return api_pb2.FunctionCreateResponse(
            function_id=function.id,
            function=definition,
            function_data=data_of(definition, request),
            handle_metadata=handle(self._preview(function, definition)),
        )

    async def ClassCreate(self, request: api_pb2.ClassCreateRequest, caller: Caller) -> api_pb2.ClassCreateResponse:
        class_id = request.existing_class_id or self._apps.new_id("cs")
        return api_pb2.ClassCreateResponse(class_id=class_id, handle_metadata=api_pb2.ClassHandleMetadata())

    def _made(self, app_id: str, name: str) -> Function:
        app = self._apps.by_id.get(app_id)
        if app is None:
            raise GRPCError(Status.NOT_FOUND, f"App {app_id} not found")
        if name not in app.made:
            function = Function(self._apps.new_id("fu"), app_id, name)
            self._apps.functions[function.id] = function
            app.made[name] = function.id
        return self._apps.functions[app.made[name]]

    def _preview(self, function: Function, definition: api_pb2.Function) -> Function:
        return Function(function.id, function.app_id, function.name, definition, version=function.version + 1)

    def _give_urls(self, function: Function, definition: api_pb2.Function) -> None:
        """Web endpoints get their address when they are defined, as the client prints it right then."""
        web = self._plane.parts.get("web")
        if web is None:
            return
        if definition.webhook_config.type != api_pb2.WEBHOOK_TYPE_UNSPECIFIED:
            definition.web_url = web.url_of(function.id, "")
        for name, method in definition.method_definitions.items():
            if method.webhook_config.type != api_pb2.WEBHOOK_TYPE_UNSPECIFIED:
                method.web_url = web.url_of(function.id, name)


class LookUp:
    """What `from_name`, `from_id` and bound parameters ask."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._apps = plane.apps

    async def FunctionGet(self, request: api_pb2.FunctionGetRequest, caller: Caller) -> api_pb2.FunctionGetResponse:
        app = self._app(request.environment_name, request.app_name)
        function_id = app.functions.get(request.object_tag)
        if function_id is None:
            if request.object_tag in app.classes:
                raise GRPCError(Status.NOT_FOUND, f"{request.object_tag} is a class, use Cls.from_name")
            raise GRPCError(Status.NOT_FOUND, f"no function {request.object_tag} in app {request.app_name}")
        function = self._apps.functions[function_id]
        return api_pb2.FunctionGetResponse(
            function_id=function_id,
            handle_metadata=handle(function),
            function=data_of(function.definition, function.request),
        )

    async def FunctionGetById(
        self, request: api_pb2.FunctionGetByIdRequest, caller: Caller
    ) -> api_pb2.FunctionGetByIdResponse:
        function = found(self._plane, request.function_id)
        return api_pb2.FunctionGetByIdResponse(
            function=data_of(function.definition, None if function.base_id else function.request),
            handle_metadata=handle(function),
        )

    async def ClassGet(self, request: api_pb2.ClassGetRequest, caller: Caller) -> api_pb2.ClassGetResponse:
        app = self._app(request.environment_name, request.app_name)
        class_id = app.classes.get(request.object_tag)
        if class_id is None:
            raise GRPCError(Status.NOT_FOUND, f"no class {request.object_tag} in app {request.app_name}")
        function = self._apps.functions[app.functions[f"{request.object_tag}.*"]]
        metadata = api_pb2.ClassHandleMetadata(class_function_id=function.id, class_function_metadata=handle(function))
        return api_pb2.ClassGetResponse(class_id=class_id, handle_metadata=metadata)

    async def FunctionBindParams(
        self, request: api_pb2.FunctionBindParamsRequest, caller: Caller
    ) -> api_pb2.FunctionBindParamsResponse:
        """Return the variant with these parameters and options: a function with a pool of its own."""
        base = found(self._plane, request.function_id)
        options = request.function_options
        key = (base.id, request.serialized_params, options.SerializeToString(deterministic=True))
        variant = self._apps.variants.get(key)
        if variant is None:
            variant = Function(
                self._apps.new_id("fu"), base.app_id, base.name, varied(base.definition, options),
                version=base.version, base_id=base.id, params=request.serialized_params, options=options,
            )  # fmt: skip
            self._apps.variants[key] = variant
            self._apps.functions[variant.id] = variant
        return api_pb2.FunctionBindParamsResponse(bound_function_id=variant.id, handle_metadata=handle(variant))

    def _app(self, environment: str, name: str) -> App:
        app = self._apps.by_name.get((environment, name))
        if app is None or app.stopped or not app.deployed:
            raise GRPCError(Status.NOT_FOUND, f"no app {name} has been deployed in environment {environment}")
        return app


class Scale:
    """`fn.autoscaler` and `fn.get_current_stats()`."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    async def FunctionGetCurrentStats(
        self, request: api_pb2.FunctionGetCurrentStatsRequest, caller: Caller
    ) -> api_pb2.FunctionStats:
        pool = self._plane.autoscaler.pool(found(self._plane, request.function_id))
        up = [held for held in pool.containers.values() if held.state != "stopping"]
        room = sum(pool.limits.concurrency - len(held.inputs) for held in up if held.state == "ready")
        return api_pb2.FunctionStats(
            backlog=pool.waiting, num_total_tasks=len(up), num_running_inputs=pool.running, input_headroom=max(room, 0)
        )

    async def FunctionGetSchedulingParams(
        self, request: api_pb2.FunctionGetSchedulingParamsRequest, caller: Caller
    ) -> api_pb2.FunctionGetSchedulingParamsResponse:
        function = found(self._plane, request.function_id)
        return api_pb2.FunctionGetSchedulingParamsResponse(
            autoscaler_configuration=api_pb2.AutoscalerConfiguration(
                settings=settings_of(function),
                static_settings=function.definition.autoscaler_settings,
                override_settings=function.overrides,
            )
        )

    async def FunctionUpdateSchedulingParams(
        self, request: api_pb2.FunctionUpdateSchedulingParamsRequest, caller: Caller
    ) -> api_pb2.FunctionUpdateSchedulingParamsResponse:
        function = found(self._plane, request.function_id)
        settings = api_pb2.AutoscalerSettings()
        settings.CopyFrom(settings_of(function))
        settings.MergeFrom(request.settings)
        if settings.max_containers and settings.min_containers > settings.max_containers:
            raise GRPCError(
                Status.INVALID_ARGUMENT,
                f"min_containers ({settings.min_containers}) is above max_containers ({settings.max_containers})",
            )
        function.overrides.MergeFrom(request.settings)
        self._plane.autoscaler.relimit(function)
        return api_pb2.FunctionUpdateSchedulingParamsResponse(current_settings=settings_of(function))


def found(plane: Plane, function_id: str) -> Function:
    """Return the function. Raises GRPCError NOT_FOUND."""
    function = plane.apps.functions.get(function_id)
    if function is None:
        raise GRPCError(Status.NOT_FOUND, f"Function {function_id} not found")
    return function


GROUPS = (Define, LookUp, Scale)
