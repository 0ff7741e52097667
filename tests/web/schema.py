"""As much of JSON Schema as Litestar writes into an OpenAPI document, for tests of what is answered."""

from datetime import datetime
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip
READ = {
    "$ref", "type", "properties", "required", "items", "oneOf", "enum", "const", "format", "additionalProperties",
    "minimum", "maximum", "minItems", "maxItems",
}  # fmt: skip
TOLD = {"title", "description", "examples", "default"}


def faults(value: Any, schema: dict[str, Any], document: dict[str, Any], at: str = "$") -> list[str]:
    """Return what is wrong with a value. A word of a schema that is not read here is a fault too."""
    if "$ref" in schema:
        return faults(value, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document, at)
    if unknown := set(schema) - READ - TOLD:
        return [f"{at}: the schema says {sorted(unknown)}, which nobody reads"]
    if "oneOf" in schema:
        fit = [one for one in schema["oneOf"] if not faults(value, one, document, at)]
        return [] if len(fit) == 1 else [f"{at}: {value!r} fits {len(fit)} of {schema['oneOf']}"]
    kind = schema.get("type")
    if kind is not None:
        allowed = tuple(one for name in ([kind] if isinstance(kind, str) else kind) for one in TYPES[name])
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            return [f"{at}: {value!r} is no {kind}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if schema.get("format") == "date-time":
        try:
            if datetime.fromisoformat(value).tzinfo is None:
                found.append(f"{at}: {value!r} has no zone")
        except ValueError:
            found.append(f"{at}: {value!r} is no time")
    if isinstance(value, dict):
        found += _object(value, schema, document, at)
    if isinstance(value, list):
        for number, one in enumerate(value):
            found += faults(one, schema.get("items", {}), document, f"{at}[{number}]")
    return found


def _object(value: dict[str, Any], schema: dict[str, Any], document: dict[str, Any], at: str) -> list[str]:
    known = schema.get("properties", {})
    found = [f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value]
    for name, one in value.items():
        if name in known:
            found += faults(one, known[name], document, f"{at}.{name}")
        elif known:  # what is not told is a fault, also where it would be allowed
            found.append(f"{at}: {name} is not told")
    return found
