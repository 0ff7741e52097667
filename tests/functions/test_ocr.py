"""The order in which boxes of writing are read, and that onnxruntime reports to nobody."""

import os
import subprocess
import sys
from pathlib import Path

from functions.engines.ocr import Box, in_order

ROOT = Path(__file__).parents[2]


def box(left: float, top: float, text: str, height: float = 20, width: float = 100) -> Box:
    return left, top, left + width, top + height, text


def test_boxes_side_by_side_are_one_line() -> None:
    assert in_order([box(300, 3, "tea"), box(0, 0, "green"), box(0, 30, "second"), box(150, 28, "line")]) == (
        "green tea\nsecond line"
    )


def test_a_gap_is_a_blank_line() -> None:
    assert in_order([box(0, 0, "Title"), box(0, 60, "Text"), box(0, 85, "goes on")]) == "Title\n\nText\ngoes on"


def test_a_tall_box_beside_many_lines_belongs_to_one() -> None:
    assert in_order([]) == ""
    assert in_order([box(0, 0, "big", 80), box(200, 5, "a"), box(200, 30, "b")]).count("big") == 1


def test_onnxruntime_keeps_no_id_of_the_machine(tmp_path: Path) -> None:
    script = "import functions.engines.session, onnxruntime; onnxruntime.get_available_providers()"
    env = {**os.environ, "HOME": str(tmp_path)}
    env.pop("ORT_DISABLE_TELEMETRY", None)
    env.pop("XDG_CACHE_HOME", None)
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, check=True, timeout=200)
    assert list(tmp_path.rglob("*")) == []
