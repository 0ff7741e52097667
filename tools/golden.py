"""`python -m tools.golden`: write what each function of the deployed app declares to Modal to tests/functions/golden.

The app is deployed by Modal's own client to the local plane, which keeps the FunctionCreate messages: that is the
contract of a deployment, whatever the source says. Ids, mounts and checksums differ from run to run and are left out.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from modal_proto import api_pb2

from deploy.secrets import SECRETS
from functions.pools import Kind
from infra.local.__main__ import deploy
from infra.local.plane import Plane

ENTRY = "deploy.modal_app"
FOLDER = Path(__file__).parents[1] / "tests" / "functions" / "golden"
CANCELS_ONE = "_experimental_concurrent_cancellations"  # without it, one cancelled call ends its container


async def capture(folder: Path, kind: Kind = "cloud") -> dict[str, dict[str, Any]]:
    """Return each deployed function's declaration by its name. No container is started."""
    async with Plane.open(folder, pools=kind) as plane:
        for secret in SECRETS:
            plane.parts["secrets"].give(secret.name, dict.fromkeys(secret.must, "x" * 32))
        await deploy(plane, ENTRY)
        made = [(function.name, function.request) for function in plane.apps.deployed_functions()]
        return {name: declared(request) for name, request in made if request is not None}


def declared(request: api_pb2.FunctionCreateRequest) -> dict[str, Any]:
    """Return what one FunctionCreate says, in a few words. Raises ValueError when its GPUs differ in more than name."""
    if request.HasField("function_data"):
        ranked = sorted(request.function_data.ranked_functions, key=lambda entry: entry.rank)
        each = [_one(entry.function) for entry in ranked]
    else:
        each = [_one(request.function)]
    gpus = [one.pop("gpu") for one in each]
    if any(one != each[0] for one in each):
        raise ValueError("a function differs with its GPU in more than the GPU")
    return {"gpu": [gpu for gpu in gpus if gpu], **each[0]}


def _one(function: api_pb2.Function) -> dict[str, Any]:
    resources = function.resources
    said = {
        "module": function.module_name,
        "gpu": resources.gpu_config.gpu_type,
        "milli_cpu": resources.milli_cpu,
        "memory_mb": resources.memory_mb,
        "autoscaler": MessageToDict(
            function.autoscaler_settings, preserving_proto_field_name=True, always_print_fields_with_no_presence=False
        ),
        "concurrency": function.max_concurrent_inputs,
        "target_concurrency": function.target_concurrent_inputs,
        "cancels_one": getattr(function, CANCELS_ONE),
        "batch": [function.batch_max_size, function.batch_linger_ms] if function.batch_max_size else None,
        "timeout_s": function.timeout_secs,
        "startup_timeout_s": function.startup_timeout_secs,
        "retries": function.retry_policy.retries,
        "schedule": MessageToDict(function.schedule, preserving_proto_field_name=True),
        "web": _enum(function.webhook_config, "type") if function.webhook_config.type else None,
        "secrets": len(function.secret_ids),
        "volumes": sorted(mount.mount_path for mount in function.volume_mounts),
        "snapshot": function.checkpointing_enabled,
        "region": list(function.scheduler_placement.regions),
        "kind": _enum(function, "function_type"),
    }
    if function.is_class:
        said["methods"] = {name: _method(method) for name, method in sorted(function.method_definitions.items())}
        del said["kind"]
    return said


def _method(method: api_pb2.MethodDefinition) -> dict[str, Any]:
    return {
        "kind": _enum(method, "function_type"),
        "arguments": [argument.name for argument in method.function_schema.arguments],
    }


def _enum(message: Message, field: str) -> str:
    """Return the name of an enum's value without its prefix: `generator`, `asgi_app`."""
    value = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[getattr(message, field)]
    return str(value.name).removeprefix("FUNCTION_TYPE_").removeprefix("WEBHOOK_TYPE_").lower()


def path(name: str) -> Path:
    return FOLDER / f"{name.removesuffix('.*').lower()}.json"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        found = asyncio.run(capture(Path(folder)))
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for name, declaration in found.items():
        path(name).write_text(json.dumps(declaration, indent=2) + "\n", encoding="utf-8")
        print(f"  {path(name).name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
