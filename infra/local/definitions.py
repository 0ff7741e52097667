"""Reading and merging what an app declares: definitions, handles, variants, limits."""

from modal_proto import api_pb2

from infra.local.apps import Function
from infra.local.pool import Limits

MOST_CONTAINERS = 8  # of a function that names no maximum: Modal's limit is the workspace's, a laptop's is its memory
SCALEDOWN_WINDOW = 60  # seconds, Modal's default
TIMEOUT = 300  # seconds, Modal's default


def defined(request: api_pb2.FunctionCreateRequest) -> api_pb2.Function:
    """Return the one definition: with a list of GPUs there is one per GPU, which differ in nothing else."""
    if request.HasField("function_data"):
        ranked = sorted(request.function_data.ranked_functions, key=lambda entry: entry.rank)
        definition: api_pb2.Function = ranked[0].function
        return definition
    return request.function


def data_of(definition: api_pb2.Function, request: api_pb2.FunctionCreateRequest | None = None) -> api_pb2.FunctionData:
    """Return what lookups tell about a function; the client reads its `Function.info()` from it."""
    if request is not None and request.HasField("function_data"):
        return request.function_data
    data = api_pb2.FunctionData()
    for field in api_pb2.FunctionData.DESCRIPTOR.fields:
        source = definition.DESCRIPTOR.fields_by_name.get(field.name)
        if source is None or source.type != field.type:
            continue
        value = getattr(definition, field.name)
        if source.is_repeated or source.message_type:
            if source.is_repeated or definition.HasField(field.name):
                getattr(data, field.name).MergeFrom(value)
        else:
            setattr(data, field.name, value)
    data.ranked_functions.add(rank=0).function.CopyFrom(definition)
    return data


def handle(function: Function) -> api_pb2.FunctionHandleMetadata:
    """Return what a client needs to call this function, and each method of it if it serves a class."""
    definition = function.definition
    metadata = api_pb2.FunctionHandleMetadata(
        function_name=function.name,
        function_type=definition.function_type,
        web_url=definition.web_url,
        is_method=definition.is_method,
        definition_id=f"de-{function.id}-{function.version}",
        class_parameter_info=definition.class_parameter_info,
        function_schema=definition.function_schema,
        supported_input_formats=definition.supported_input_formats,
        supported_output_formats=definition.supported_output_formats,
        app_id=function.app_id,
        base_function_id=function.base_id,
    )
    for name, method in definition.method_definitions.items():
        metadata.method_handle_metadata[name].CopyFrom(
            api_pb2.FunctionHandleMetadata(
                function_name=method.function_name,
                function_type=method.function_type,
                web_url=method.web_url,
                is_method=True,
                use_method_name=name,
                definition_id=metadata.definition_id,
                function_schema=method.function_schema,
                supported_input_formats=method.supported_input_formats,
                supported_output_formats=method.supported_output_formats,
                app_id=function.app_id,
            )
        )
    return metadata


def varied(base: api_pb2.Function, options: api_pb2.FunctionOptions) -> api_pb2.Function:
    """Return the definition with `with_options`, `with_concurrency` or `with_batching` applied.

    A variant keeps no minimum of its own: it would never end, as nothing undeploys it.
    """
    definition = api_pb2.Function()
    definition.CopyFrom(base)
    given = {field.name for field, _ in options.ListFields()}
    settings = definition.autoscaler_settings
    settings.min_containers = options.warm_pool_size
    for field, target in (
        ("concurrency_limit", "max_containers"),
        ("buffer_containers", "buffer_containers"),
        ("task_idle_timeout_secs", "scaledown_window"),
    ):
        if field in given:
            setattr(settings, target, getattr(options, field))
    for field in ("timeout_secs", "target_concurrent_inputs", "max_concurrent_inputs", "batch_max_size",
                  "batch_linger_ms", "cloud_provider_str"):  # fmt: skip
        if field in given:
            setattr(definition, field, getattr(options, field))
    for field in ("resources", "retry_policy", "scheduler_placement"):
        if field in given:
            getattr(definition, field).CopyFrom(getattr(options, field))
    if options.replace_secret_ids:
        definition.secret_ids[:] = options.secret_ids
    if options.replace_volume_mounts:
        del definition.volume_mounts[:]
        definition.volume_mounts.extend(options.volume_mounts)
    return definition


def settings_of(function: Function) -> api_pb2.AutoscalerSettings:
    """Return the settings in force: declared, then `autoscaler.update`."""
    settings = api_pb2.AutoscalerSettings(
        min_containers=0, max_containers=0, buffer_containers=0, scaledown_window=SCALEDOWN_WINDOW
    )
    settings.MergeFrom(function.definition.autoscaler_settings)
    settings.MergeFrom(function.overrides)
    return settings


def limits_of(function: Function) -> Limits:
    """Return the pool's limits. A batch counts as many inputs as it may hold."""
    settings = settings_of(function)
    most = settings.max_containers or max(MOST_CONTAINERS, settings.min_containers)
    return Limits(
        min_containers=settings.min_containers,
        max_containers=most,
        buffer_containers=settings.buffer_containers,
        scaledown_window=float(settings.scaledown_window or SCALEDOWN_WINDOW),
        concurrency=slots(function.definition) * (function.definition.batch_max_size or 1),
    )


def slots(definition: api_pb2.Function) -> int:
    """Return how many inputs or batches a container works on at a time."""
    return definition.target_concurrent_inputs or definition.max_concurrent_inputs or 1


def is_generator(definition: api_pb2.Function, method: str) -> bool:
    """Return whether this function, or this method of it, streams its results."""
    kind = definition.function_type
    if method and method in definition.method_definitions:
        kind = definition.method_definitions[method].function_type
    return kind == api_pb2.Function.FUNCTION_TYPE_GENERATOR


def timeout_of(definition: api_pb2.Function) -> float:
    """Return seconds that one input may take."""
    return float(definition.timeout_secs or TIMEOUT)


def startup_timeout_of(definition: api_pb2.Function) -> float:
    """Return seconds until a container must ask for inputs."""
    return float(definition.startup_timeout_secs or timeout_of(definition))
