"""What has been deployed: apps, their versions, functions and classes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from modal_proto import api_pb2


@dataclass(eq=False)
class Function:
    """One function id: a function, a class's service function, or one of its variants (parameters, with_options).

    The id outlives deploys, so handles that clients hold keep working; `definition` is the one in force.
    """

    id: str
    app_id: str
    name: str  # the tag within its app: `hello`, or `Voice.*` for a class
    definition: api_pb2.Function = field(default_factory=api_pb2.Function)
    staged: api_pb2.Function | None = None  # of a deploy that has not been published yet
    request: api_pb2.FunctionCreateRequest | None = None  # as it came: the deployed contract
    version: int = 0  # of the app whose deploy brought the definition in force
    base_id: str = ""  # the function that a variant was made from
    params: bytes = b""  # serialized modal.parameter values of a variant
    options: api_pb2.FunctionOptions = field(default_factory=api_pb2.FunctionOptions)  # of a variant
    overrides: api_pb2.AutoscalerSettings = field(default_factory=api_pb2.AutoscalerSettings)  # autoscaler.update


@dataclass(eq=False)
class App:
    """An app and what its latest version consists of, by tag."""

    id: str
    name: str = ""  # empty while it is ephemeral or not yet published
    environment: str = ""
    version: int = 0
    deployed: bool = False
    stopped: bool = False
    functions: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)  # tag -> id of every function ever made: a tag keeps its id
    objects: list[str] = field(default_factory=list)  # ids of images, mounts, secrets ... it was deployed with


class Apps:
    """Everything by id, and deployed apps by (environment, name)."""

    def __init__(self) -> None:
        self.by_id: dict[str, App] = {}
        self.by_name: dict[tuple[str, str], App] = {}
        self.functions: dict[str, Function] = {}
        self.variants: dict[tuple[str, bytes, bytes], Function] = {}  # by base, parameters, options
        self._made = 0

    def new_id(self, prefix: str) -> str:
        """Return an id of Modal's looks, such as `fu-000012`; every id of the plane comes from here."""
        self._made += 1
        return f"{prefix}-{self._made:06d}"

    def deployed_functions(self) -> Iterator[Function]:
        """Yield the functions of every deployed app's latest version: for schedules and web endpoints."""
        for app in self.by_name.values():
            if app.deployed and not app.stopped:
                for function_id in app.functions.values():
                    yield self.functions[function_id]

    def variants_of(self, function: Function) -> list[Function]:
        """Return the functions that were made from this one."""
        return [variant for variant in self.variants.values() if variant.base_id == function.id]
