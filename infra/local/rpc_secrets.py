"""Secrets: the environment variables of containers. They live in this plane's memory and nowhere else."""

# ruff: noqa: N802 - methods are named as the RPCs

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.local.objects import ENVIRONMENT, Entry, Registry

if TYPE_CHECKING:
    from infra.local.plane import Plane
    from infra.local.server import Caller

# A TOML file: a table for each secret, its keys are environment variables. Not PARLEY_...: containers see those.
FILE_SETTING = "LOCAL_SECRETS"

Variables = dict[str, str]


class Secrets:
    """Kept as `plane.parts["secrets"]`, where containers look up their environment."""

    def __init__(self, plane: "Plane") -> None:
        self._secrets: Registry[Variables] = Registry(plane, "Secret", "st")
        plane.parts["secrets"] = self
        if path := os.environ.get(FILE_SETTING):
            for name, variables in read(Path(path)).items():
                self.give(name, variables)

    def give(self, name: str, variables: Variables, environment: str = ENVIRONMENT) -> str:
        """Make or replace a named secret; return its id."""
        overwrite = api_pb2.OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS
        return self._secrets.open(name, environment, overwrite, lambda _: dict(variables)).id

    def kept(self, name: str, variables: Variables, environment: str = ENVIRONMENT) -> Variables:
        """Return what a named secret holds, making it of these variables if there is none yet."""
        missing_is_made = api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING
        return self._secrets.open(name, environment, missing_is_made, lambda _: dict(variables)).value

    def variables(self, secret_ids: list[str]) -> Variables:
        """Return the environment that these secrets make together, later ones winning."""
        merged: Variables = {}
        for secret_id in secret_ids:
            merged |= self._secrets.get(secret_id).value
        return merged

    async def SecretGetOrCreate(
        self, request: api_pb2.SecretGetOrCreateRequest, caller: "Caller"
    ) -> api_pb2.SecretGetOrCreateResponse:
        try:
            entry = self._secrets.open(
                request.deployment_name, request.environment_name, request.object_creation_type,
                lambda _: dict(request.env_dict),
            )  # fmt: skip
        except GRPCError as error:
            if error.status is Status.NOT_FOUND:
                raise GRPCError(
                    Status.NOT_FOUND,
                    f"{error.message}: create it with `modal secret create {request.deployment_name} KEY=value`, or put"
                    f" it into the TOML file that {FILE_SETTING} names and start the local plane again",
                ) from error
            raise
        missing = sorted(set(request.required_keys) - set(entry.value))
        if missing:
            raise GRPCError(Status.NOT_FOUND, f"Secret is missing key(s): {', '.join(missing)}")
        return api_pb2.SecretGetOrCreateResponse(secret_id=entry.id, metadata=_metadata(entry))

    async def SecretGetInfo(
        self, request: api_pb2.SecretGetInfoRequest, caller: "Caller"
    ) -> api_pb2.SecretGetInfoResponse:
        return api_pb2.SecretGetInfoResponse(metadata=_metadata(self._secrets.get(request.secret_id)))

    async def SecretUpdate(self, request: api_pb2.SecretUpdateRequest, caller: "Caller") -> Empty:
        """Add, replace or (without a value) remove variables; running containers keep what they started with."""
        variables = self._secrets.get(request.secret_id).value
        for update in request.updates:
            if update.HasField("value"):
                variables[update.key] = update.value
            else:
                variables.pop(update.key, None)
        return Empty()

    async def SecretDelete(self, request: api_pb2.SecretDeleteRequest, caller: "Caller") -> Empty:
        self._secrets.delete(request.secret_id)
        return Empty()

    async def SecretList(self, request: api_pb2.SecretListRequest, caller: "Caller") -> api_pb2.SecretListResponse:
        items = [
            api_pb2.SecretListItem(
                label=entry.name, created_at=entry.created, environment_name=entry.environment, secret_id=entry.id,
                metadata=_metadata(entry),
            )
            for entry in self._secrets.page(request.environment_name, request.pagination)
        ]  # fmt: skip
        return api_pb2.SecretListResponse(items=items, environment_name=request.environment_name or ENVIRONMENT)


def read(path: Path) -> dict[str, Variables]:
    """Return name -> variables of a TOML file. Raises ValueError with the line or the key that is wrong."""
    try:
        tables = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{FILE_SETTING}: {path}: {error}") from error
    for name, table in tables.items():
        if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
            raise ValueError(f"{FILE_SETTING}: {path}: [{name}] must be a table of strings")
    return tables


def _metadata(entry: Entry[Variables]) -> api_pb2.SecretMetadata:
    return api_pb2.SecretMetadata(
        name=entry.name, creation_info=entry.info(), keys=sorted(entry.value), environment_name=entry.environment
    )
