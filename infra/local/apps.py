"""What has been deployed: apps, their versions, functions and classes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from modal_proto import api_pb2


@dataclass(eq=False)
class Function:
    """One function id: a function, a class's service function, or one of its variants (parameters, with_options)."""

    id: str
    app_id: str
    name: str  # the tag within its app: `hello`, or `Voice.*` for a class
    definition: api_pb2.Function  # what FunctionCreate said; with options merged in for a variant
    metadata: api_pb2.FunctionHandleMetadata
    version: int = 0  # of the app that deployed it
    base_id: str = ""  # the function that a variant was made from
    params: bytes = b""  # serialized modal.parameter values of a variant
    retired: bool = False  # a later deploy replaced it: its containers drain
    overrides: api_pb2.AutoscalerSettings = field(default_factory=api_pb2.AutoscalerSettings)  # autoscaler.update


@dataclass(eq=False)
class Klass:
    """One class id, and the function that serves its methods."""

    id: str
    app_id: str
    name: str
    metadata: api_pb2.ClassHandleMetadata


@dataclass(eq=False)
class App:
    """An app and what its latest version consists of, by tag."""

    id: str
    name: str = ""  # empty while it is ephemeral or not yet published
    version: int = 0
    deployed: bool = False
    stopped: bool = False
    functions: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)


class Apps:
    """Everything by id, and deployed apps by (environment, name)."""

    def __init__(self) -> None:
        self.by_id: dict[str, App] = {}
        self.by_name: dict[tuple[str, str], App] = {}
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, Klass] = {}
        self.objects: dict[str, list[str]] = {}  # app id -> ids of images, secrets, volumes ... made for it
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
