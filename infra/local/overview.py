"""What the dashboard shows of a plane, at one moment: plain values, ready for a template."""

from itertools import islice
from typing import TYPE_CHECKING, Literal

import msgspec
from modal_proto import api_pb2

from infra.local.bill import Line, as_if_deployed
from infra.local.calls import Input
from infra.local.definitions import limits_of

if TYPE_CHECKING:
    from infra.local.apps import Function
    from infra.local.containers import Container
    from infra.local.plane import Plane

RECENT = 15  # calls, and ended containers, that are listed

State = Literal["starting", "idle", "busy", "stopping"]
Tag = tuple[str, str]  # an app and the name of a function in it: what variants share
Tone = Literal["good", "bad", "busy", "quiet"]

Result = api_pb2.GenericResult
OUTCOMES: dict[int, tuple[str, Tone]] = {
    Result.GENERIC_STATUS_SUCCESS: ("done", "good"),
    Result.GENERIC_STATUS_TIMEOUT: ("timed out", "bad"),
    Result.GENERIC_STATUS_TERMINATED: ("cancelled", "quiet"),
    Result.GENERIC_STATUS_INTERNAL_FAILURE: ("lost", "bad"),
}


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A container."""

    id: str
    function: str
    state: State
    inputs: int
    slots: int
    age: float  # seconds since its process began; 0 while it waits for capacity or a fault
    boot: float | None  # seconds from there to ready
    microusd: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A function, with its variants (parameters, with_options)."""

    id: str
    name: str
    app: str
    boxes: list[Box]
    waiting: int
    running: int
    limits: str
    billed_as: str
    cold_starts: int
    microusd: int
    url: str
    next_run: float | None  # seconds from now

    @property
    def quiet(self) -> bool:
        """Nothing has happened to it yet."""
        return not (self.boxes or self.waiting or self.cold_starts)


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A call's input."""

    id: str
    name: str
    status: str
    tone: Tone
    seconds: float | None
    container: str
    why: str


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """A container that has ended."""

    id: str
    lived: float
    ago: float
    why: str
    microusd: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    rows: list[Row]
    boxes: list[Box]
    gone: list[Gone]
    calls: list[Done]
    ready: int
    starting: int
    running: int
    waiting: int
    cold_starts: int
    microusd: int
    microusd_per_hour: int
    unknown: list[str]


def overview(plane: "Plane") -> Overview:
    now = plane.clock()
    lines = {line.function: line for line in plane.bill.lines(now)}
    costs = {stay.container: plane.bill.of(now, stay) for stay in plane.bill.stays()}
    boxes = [_box(now, container, costs) for container in plane.containers.by_id.values()]
    by_tag: dict[Tag, list[Box]] = {}
    for container, box in zip(plane.containers.by_id.values(), boxes, strict=True):
        by_tag.setdefault(_tag(container.function), []).append(box)
    rows = [
        _row(plane, function, by_tag.get(_tag(function), []), lines.get(function.name), now)
        for function in plane.apps.deployed_functions()
    ]
    rows.sort(key=lambda row: (not row.boxes, row.app, row.name.lower()))
    gone = [stay for stay in plane.bill.stays() if stay.ended is not None][:RECENT]
    return Overview(
        rows=rows,
        boxes=boxes,
        gone=[
            Gone(id=stay.container, lived=stay.seconds(now), ago=now - (stay.ended or now), why=stay.why,
                 microusd=costs[stay.container])
            for stay in gone
        ],
        calls=[_call(entry, now) for entry in islice(reversed(plane.calls.inputs.values()), RECENT)],
        ready=sum(box.state in ("idle", "busy") for box in boxes),
        starting=sum(box.state == "starting" for box in boxes),
        running=sum(box.inputs for box in boxes),
        waiting=sum(pool.waiting for pool in plane.pools.values()),
        cold_starts=plane.cold_starts,
        microusd=sum(line.microusd for line in lines.values()),
        microusd_per_hour=sum(line.microusd_per_hour for line in lines.values()),
        unknown=sorted(set(plane.unknown)),
    )  # fmt: skip


def _tag(function: "Function") -> Tag:
    return function.app_id, function.name


def _box(now: float, container: "Container", costs: dict[str, int]) -> Box:
    held = container.pool.containers.get(container.id)
    inputs = len(held.inputs) if held else 0
    state: State = "stopping" if container.leaving or held is None or held.state == "stopping" else (
        "starting" if held.state == "starting" else "busy" if inputs else "idle"
    )  # fmt: skip
    ready = held.booted_at if held else None
    return Box(
        id=container.id,
        function=container.function.name,
        state=state,
        inputs=inputs,
        slots=container.pool.limits.concurrency,
        age=now - container.started if container.started else 0.0,
        boot=ready - container.started if ready and container.started else None,
        microusd=costs.get(container.id, 0),
    )


def _row(plane: "Plane", function: "Function", boxes: list[Box], line: Line | None, now: float) -> Row:
    family = [function, *plane.apps.variants_of(function)]
    pools = [plane.pools[each.id] for each in family if each.id in plane.pools]
    limits = limits_of(function)
    buffer = f" + {limits.buffer_containers} spare" if limits.buffer_containers else ""
    at_once = f", {limits.concurrency} at once" if limits.concurrency > 1 else ""
    due = plane.parts["schedules"].times().get(function.id) if "schedules" in plane.parts else None
    urls = plane.parts["web"].urls() if "web" in plane.parts else {}
    app = plane.apps.by_id[function.app_id]
    return Row(
        id=function.id,
        name=function.name.removesuffix(".*"),
        app=f"{app.name or app.id} v{app.version}",
        boxes=boxes,
        waiting=sum(pool.waiting for pool in pools),
        running=sum(pool.running for pool in pools),
        limits=f"{limits.min_containers} to {limits.max_containers}{buffer}, {limits.scaledown_window:g} s{at_once}",
        billed_as=as_if_deployed(function.name).price_class,
        cold_starts=line.cold_starts if line else 0,
        microusd=line.microusd if line else 0,
        url=next((url for (function_id, _), url in urls.items() if function_id == function.id), ""),
        next_run=due - now if due is not None else None,
    )


def _call(entry: Input, now: float) -> Done:
    method = entry.payload.method_name
    status = "running" if entry.container else "waiting"
    tone: Tone = "busy" if entry.container else "quiet"
    seconds = now - entry.started if entry.started and entry.container else None
    why = ""
    if entry.output is not None:
        status, tone = OUTCOMES.get(entry.output.result.status, ("failed", "bad"))
        seconds = entry.output.output_created_at - entry.started if entry.started else None
        why = entry.output.result.exception.strip().rpartition("\n")[2][:120]
    name = entry.call.function.name.removesuffix(".*")
    return Done(
        id=entry.id,
        name=f"{name}.{method}" if method else name,
        status=status,
        tone=tone,
        seconds=seconds,
        container=entry.container or "",
        why=why,
    )
