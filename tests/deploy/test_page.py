"""docs/deploy.md tells every secret and setting, and the pool table as it is."""

import re
from pathlib import Path

from deploy import table
from deploy.secrets import SECRETS
from infra.config import SETTINGS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def test_every_setting_has_its_row_and_no_other_has_one() -> None:
    part = PAGE.split("Every setting of Parley", 1)[1].split("\n## ")[0]
    told = {cells(line)[0].strip("`") for line in part.splitlines() if line.startswith("| `")}
    assert told == {setting.name for setting in SETTINGS} | {"MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"}


def test_every_secret_is_told_with_what_it_holds() -> None:
    part = PAGE.split("## Secrets and settings", 1)[1].split("Every setting of Parley")[0]
    told = [cells(line) for line in part.splitlines() if line.startswith("| `")]
    names = [[name.strip() for name in re.sub("`", "", cell).split(",")] for row in told for cell in row]
    assert {row[0].strip("`") for row in told} == {needed.name for needed in SECRETS}
    for needed, (_, must, may) in zip(SECRETS, [names[i : i + 3] for i in range(0, len(names), 3)], strict=True):
        assert (set(must), set(may) - {"nothing else"}) == (set(needed.must), set(needed.may))


def test_no_function_asks_for_a_secret_that_is_not_told() -> None:
    named = {
        name
        for folder in ("functions", "infra", "deploy")
        for file in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"Secret\.from_name\(\s*\"([\w-]+)\"", file.read_text(encoding="utf-8"))
    }
    assert {name for name in named if f"`{name}`" not in PAGE} == set()


def test_the_pool_table_of_the_page_is_the_pool_table() -> None:
    shown = PAGE.split("<!-- pools:begin -->\n")[1].split("\n<!-- pools:end -->")[0]
    assert shown == table.markdown(), "put the output of `python -m deploy --pools` between the marks"


def test_an_hour_of_a_container_costs_what_its_parts_cost() -> None:
    [web] = [row for row in table.rows() if row.name == "web"]
    assert web.usd_hour == f"{3600 * (0.0000131 + 0.00000222):.3f}"
