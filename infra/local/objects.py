"""Named and ephemeral objects (secrets, dicts, queues, volumes): who has which, by id and by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from grpclib import GRPCError, Status
from modal_proto import api_pb2

if TYPE_CHECKING:
    from infra.local.plane import Plane

T = TypeVar("T")

ENVIRONMENT = "main"
WHO = "local"  # created_by of everything
FORGOTTEN_S = 900.0  # an ephemeral object dies so long after its last heartbeat; clients send one every 300 s

UNNAMED = (api_pb2.OBJECT_CREATION_TYPE_EPHEMERAL, api_pb2.OBJECT_CREATION_TYPE_ANONYMOUS_OWNED_BY_APP)


@dataclass(eq=False)
class Entry(Generic[T]):
    """One object. `heard` is when an ephemeral one was last asked for, None for those that stay."""

    id: str
    name: str
    environment: str
    created: float
    value: T
    heard: float | None = None

    def info(self) -> api_pb2.CreationInfo:
        return api_pb2.CreationInfo(created_at=self.created, created_by=WHO)


class Registry(Generic[T]):
    """All objects of one kind."""

    def __init__(self, plane: "Plane", noun: str, prefix: str, drop: Callable[[T], None] | None = None) -> None:
        """`drop` is told of every object that is gone."""
        self._plane = plane
        self._noun = noun
        self._prefix = prefix
        self._drop = drop
        self._by_id: dict[str, Entry[T]] = {}
        self._by_name: dict[tuple[str, str], Entry[T]] = {}

    def open(self, name: str, environment: str, creation: int, make: Callable[[str], T]) -> Entry[T]:
        """Find or make an object, as the request's ObjectCreationType says; `make` gets its id.

        Raises GRPCError NOT_FOUND or ALREADY_EXISTS.
        """
        self._forget()
        environment = environment or ENVIRONMENT
        if creation in UNNAMED:
            return self._add("", environment, make, ephemeral=creation == api_pb2.OBJECT_CREATION_TYPE_EPHEMERAL)
        found = self._by_name.get((environment, name))
        if found is None:
            if creation == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
                raise GRPCError(Status.NOT_FOUND, f"{self._noun} '{name}' not found in environment '{environment}'")
            return self._add(name, environment, make)
        if creation == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS:
            raise GRPCError(Status.ALREADY_EXISTS, f"{self._noun} '{name}' already exists in '{environment}'")
        if creation == api_pb2.OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS:
            found.value = make(found.id)
        return found

    def get(self, object_id: str) -> Entry[T]:
        """Raises GRPCError NOT_FOUND."""
        found = self._by_id.get(object_id)
        if found is None:
            raise GRPCError(Status.NOT_FOUND, f"{self._noun} {object_id} not found: it was deleted, or never there")
        return found

    def heartbeat(self, object_id: str) -> None:
        entry = self.get(object_id)
        if entry.heard is not None:
            entry.heard = self._plane.clock()

    def delete(self, object_id: str) -> None:
        entry = self.get(object_id)
        del self._by_id[object_id]
        self._by_name.pop((entry.environment, entry.name), None)
        if self._drop is not None:
            self._drop(entry.value)

    def rename(self, object_id: str, name: str) -> None:
        entry = self.get(object_id)
        if (entry.environment, name) in self._by_name:
            raise GRPCError(Status.ALREADY_EXISTS, f"{self._noun} '{name}' already exists")
        self._by_name.pop((entry.environment, entry.name), None)
        entry.name = name
        self._by_name[entry.environment, name] = entry

    def page(self, environment: str, pagination: api_pb2.ListPagination) -> list[Entry[T]]:
        """Named objects, newest first; `created_before` 0 is now and `max_objects` 0 is all."""
        environment = environment or ENVIRONMENT
        ours = [entry for (where, _), entry in self._by_name.items() if where == environment]
        if pagination.created_before:
            ours = [entry for entry in ours if entry.created < pagination.created_before]
        ours.sort(key=lambda entry: entry.created, reverse=True)
        return ours[: pagination.max_objects or None]

    def _add(self, name: str, environment: str, make: Callable[[str], T], ephemeral: bool = False) -> Entry[T]:
        object_id = self._plane.apps.new_id(self._prefix)
        now = self._plane.clock()
        entry = Entry(object_id, name, environment, now, make(object_id), now if ephemeral else None)
        self._by_id[object_id] = entry
        if name:
            self._by_name[environment, name] = entry
        return entry

    def _forget(self) -> None:
        before = self._plane.clock() - FORGOTTEN_S
        for entry in [entry for entry in self._by_id.values() if entry.heard is not None and entry.heard < before]:
            self.delete(entry.id)
