"""What the documents say is so: settings, events, make targets, sizes, links and paths."""

import re
import tomllib
from itertools import count
from pathlib import Path
from typing import get_args

import pytest

from domain.events import Event
from functions import weights
from infra.config import SETTINGS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OURS = ("characters", "db", "deploy", "docs", "domain", "functions", "infra", "requirements", "tests", "tools", "web")
READ = re.compile(r"(?:environ|env)(?:\.get)?[\[(]\s*\"([A-Z0-9_]+)\"|\bvalues\.\w+\(\s*\"([A-Z0-9_]+)\"")
ANYWHERE = {
    "PATH", "TERM", "CI", "PYTHONWARNINGS", "GOMP_SPINCOUNT", "OMP_NUM_THREADS", "OMP_WAIT_POLICY",
    "MODAL_TASK_ID", "MODAL_SERVER_URL",  # the client's and the container's own
}  # fmt: skip


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one of its level or above."""
    level = heading.split(" ")[0]
    after = text.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"\n#{{1,{len(level)}}} ", after)[0]


def rows(text: str) -> list[tuple[str, ...]]:
    """Return the cells of every table row but the heads."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]


def code(text: str) -> list[str]:
    """Return what is written as code: fenced blocks and `spans`."""
    return re.findall(r"```.*?```", text, re.DOTALL) + re.findall(
        r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    )


def shown(default: str) -> str:
    return "none" if not default else default if " " in default else f"`{default}`"


def test_every_setting_is_in_the_readme_as_the_program_knows_it_and_no_other() -> None:
    table = section(README, "## Settings").split("\n### ")[0].split("know a few more:")[0]
    assert rows(table) == [(f"`{s.name}`", shown(s.default), s.meaning) for s in SETTINGS]


def test_everything_read_from_the_environment_is_told() -> None:
    read: dict[str, str] = {}
    for folder in ("domain", "functions", "db", "infra", "web", "tools"):
        for file in (ROOT / folder).rglob("*.py"):
            for found in READ.finditer(file.read_text(encoding="utf-8")):
                read[found[1] or found[2]] = str(file.relative_to(ROOT))
    told = {name.strip("`") for name, *_ in rows(section(README, "## Settings"))}
    engines = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")  # has those of the containers
    told |= {name for first, *_ in rows(engines) for name in re.findall(r"`([A-Z0-9_]+)`", first)}
    assert {name: file for name, file in read.items() if name not in told | ANYWHERE} == {}


def test_every_event_is_in_the_page_about_the_turn_and_no_other() -> None:
    page = section((ROOT / "docs" / "turn.md").read_text(encoding="utf-8"), "## Events")
    told = re.findall(r"^\| \d'?(?:, per piece)? \| `(\w+)`[^|]*\|", page, re.MULTILINE)
    assert sorted(told) == sorted(event.__name__ for event in get_args(Event))


def test_every_make_target_that_is_named_exists_and_every_one_is_named() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    there = {name for line in re.findall(r"^([a-z][a-z -]*):", makefile, re.MULTILINE) for name in line.split()}
    named = {name for page in PAGES for part in code(page.read_text("utf-8")) for name in targets(part)}
    assert named - there == set()
    assert there - {name for part in code(README + GUIDE) for name in targets(part)} == set()


def targets(part: str) -> list[str]:
    return re.findall(r"(?:^|[\s;&])make +([a-z][a-z-]*)", part)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_path_leads_to_something(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    broken = []
    for link in links:
        target, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        place = page.parent / target if target else page
        if not place.exists() or (anchor and place.is_file() and anchor not in anchors(place)):
            broken.append(link)
    ours = re.compile(rf"(?:{'|'.join(OURS)})/[\w./-]*")
    broken += [part for part in code(text) if ours.fullmatch(part) and not (ROOT / part).exists()]
    assert broken == []


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_tree_in_the_guide_is_the_tree() -> None:
    """Every file named in the drawing is in the folder it stands under."""
    drawing = re.findall(r"```\n(characters/.*?)```", GUIDE, re.DOTALL)[0]
    folder, lost = ROOT, []
    for line in drawing.splitlines():
        if head := re.match(r"(\w+)/", line):
            folder = ROOT / head[1]
        names = re.findall(r"[\w/]+\.(?:py|toml|md)\b|\b[a-z]+/(?:[a-z]+/)*(?=\s|,|$)", line)
        lost += [name for name in names if not (folder / name).exists() and not (ROOT / name).exists()]
    assert lost == []
    drawn = set(re.findall(r"^(\w+)/", drawing, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert {name.split(".")[0] for name in project["tool"]["setuptools"]["packages"]} <= drawn


@pytest.mark.parametrize("models", ["default", "small"])
def test_the_readme_tells_the_size_of_the_download(models: str) -> None:
    size = sum(weights.load_manifest()[name].size for name in weights.needed(models))
    assert f"{size / 1e9:.2f} GB of models" in README.replace("\n", " ")


def test_every_model_that_is_fetched_is_in_the_readme_with_its_licence() -> None:
    table = section(README, "## What runs where")
    for file in weights.load_manifest().values():
        row = next((line for line in table.splitlines() if file.title.split(" ")[0] in line), "")
        assert file.licence in row, file.title


def test_decisions_are_numbered_without_a_gap_and_say_their_number() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    for number, page in zip(count(1), pages, strict=False):
        assert page.name.startswith(f"{number:04}-")
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {number}. ")
        assert all(f"\n## {head}\n" in text for head in ("Context", "Decision", "Consequences")), page.name
