"""Reading JSON that programs send: whatever is wrong with it is BadInput("json_bad"), an HTTP 400, never a crash."""

import json
from typing import Any, TypeVar

import msgspec
from litestar import Request

from domain.errors import BadInput

Kind = TypeVar("Kind")
DEEPEST = 16  # brackets within brackets; what we ask for has two or three


async def read_json(request: Request[Any, Any, Any], kind: type[Kind]) -> Kind:
    """Return the body as a `kind`, a Struct that says `forbid_unknown_fields` if it is to be strict.

    Raises BadInput("json_bad"); what is larger than the route takes is refused by Litestar (413).
    """
    return as_json(await request.body(), kind)


def as_json(body: bytes, kind: type[Kind]) -> Kind:
    """Like msgspec.json.decode, without what it lets by or raises.

    It keeps the last of doubled names, so that two readers of one body see different things, and both it and `json`
    raise RecursionError at some thousands of brackets, which the application would answer with 500.
    """
    try:
        return msgspec.convert(strict(body), kind)
    except msgspec.ValidationError as error:
        raise BadInput("json_bad") from error


def strict(body: bytes) -> Any:
    """Return what the JSON says, in dicts and lists. Raises BadInput("json_bad")."""
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_never)
        _plain(found, DEEPEST)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError too
        raise BadInput("json_bad") from error
    return found


class StrictRequest(Request[Any, Any, Any]):
    """For routes whose `data` is a Struct: Litestar reads it from here, and tells what it is in the OpenAPI schema."""

    async def json(self) -> Any:
        return strict(await self.body())


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _never(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _plain(value: Any, depth: int) -> None:
    """Refuse depth, and text that no database takes: NUL, and the lone surrogates that `\\ud800` makes."""
    if depth < 0:
        raise ValueError("too deep")
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("NUL")
        value.encode()  # UnicodeEncodeError is a ValueError
    elif isinstance(value, dict):
        for name, inner in value.items():
            _plain(name, 0)
            _plain(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _plain(inner, depth - 1)
