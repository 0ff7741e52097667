"""Run the suite on every target there is, and write docs/conformance.md: `python -m tests.conformance.report`.

CONFORMANCE_MODAL=1 and a token run it on Modal too. The exit status is 1 when a case fails or two targets differ.
"""

import asyncio
import sys
import tempfile
import traceback
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.conformance.case import Case
from tests.conformance.places import Inline, Place, TargetName, no_modal, on_a_plane, on_modal
from tests.conformance.suite import CASES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
OK = "ok"
Results = dict[str, str]  # by the case's name

HEAD = """# Conformance: one suite, three targets

The same {cases} cases run on the inline runtime, on the local plane and on Modal; what differs is a bug of one of them.
Written by `python -m tests.conformance.report` on {day} with modal {modal}, Python {python}. Do not edit.

Parley's own functions run with scripted engines (`ENGINES=scripted`), so that every line of them but the models runs
in seconds. Modal's own features are tried with the app tests/conformance/app.py through the unmodified client.

- inline: {inline}
- local: {local}
- modal: {modal_result}
- RPCs that the plane did not know: {unknown}
- Divergences: {divergences}

To run it on Modal: `CONFORMANCE_MODAL=1 python -m tests.conformance.report` with a token in the environment or in
Modal's configuration. It deploys into the environment `parley-conformance` and stops both apps there in the end; a
run costs some minutes of CPU containers and no GPU.

## Cases
"""


async def run(place: Place, case: Case) -> str:
    """Return ok, or what went wrong."""
    try:
        async with asyncio.timeout(300), place.open() as target:
            await case.work(target)
    except Exception as error:  # noqa: BLE001 - it is the result
        traceback.print_exc()
        words = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        return f"FAILED: {words[:100]}".replace("|", "/")
    return OK


def run_all(place: Place, name: TargetName) -> Results:
    results: Results = {}
    for case in CASES:
        if name == "inline" and case.not_inline:
            results[case.name] = f"not applicable: {case.not_inline}"
        else:
            results[case.name] = asyncio.run(run(place, case))
        print(f"{name:6} {results[case.name]:.60} - {case.name}", flush=True)  # noqa: T201 - this is its output
    return results


def divergences(columns: dict[TargetName, Results]) -> list[str]:
    """Return the cases that one target keeps and another does not."""
    found = []
    for case in CASES:
        kept = {results[case.name] == OK for results in columns.values() if _applies(results[case.name])}
        if len(kept) > 1:
            found.append(case.name)
    return found


def _applies(result: str) -> bool:
    return result == OK or result.startswith("FAILED")


def _sum(results: Results) -> str:
    counts = Counter(result.partition(":")[0] for result in results.values())
    if set(counts) == {"not run"}:
        return next(iter(results.values()))
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items(), key=lambda item: -item[1]))


def page(columns: dict[TargetName, Results], unknown: list[str], at: datetime) -> str:
    apart = divergences(columns)
    text = HEAD.format(
        cases=len(CASES),
        day=at.date().isoformat(),
        modal=version("modal"),
        python=".".join(map(str, sys.version_info[:3])),
        inline=_sum(columns["inline"]),
        local=_sum(columns["local"]),
        modal_result=_sum(columns["modal"]),
        unknown=", ".join(sorted(set(unknown))) or "none",
        divergences="; ".join(apart) or "none between the targets that were run",
    )
    group = ""
    for case in CASES:
        if case.group != group:
            group = case.group
            text += f"\n### {group}\n\n| case | inline | local | modal |\n|---|---|---|---|\n"
        cells = (results[case.name] for results in columns.values())
        text += f"| {' | '.join((case.name, *(cell.partition(' (')[0] for cell in cells)))} |\n"
    return text


def main() -> int:
    columns: dict[TargetName, Results] = {"inline": run_all(Inline(), "inline")}
    with tempfile.TemporaryDirectory() as folder, on_a_plane(Path(folder)) as (plane, rpcs):
        columns["local"] = run_all(plane, "local")
        unknown = list(rpcs)
    with ExitStack() as stack:
        if reason := no_modal():
            columns["modal"] = dict.fromkeys((case.name for case in CASES), reason)
        else:
            columns["modal"] = run_all(stack.enter_context(on_modal()), "modal")
    PAGE.write_text(page(columns, unknown, datetime.now(UTC)))
    print(f"written: {PAGE.relative_to(PAGE.parents[1])}")  # noqa: T201
    failed = any(result.startswith("FAILED") for results in columns.values() for result in results.values())
    return int(failed or bool(unknown))


if __name__ == "__main__":
    sys.exit(main())
