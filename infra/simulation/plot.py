"""The frontier as an SVG that is readable on light and on dark pages. matplotlib is imported here and nowhere else."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.simulation.report import Row, frontier

INK = "#010203"  # replaced by the page's own colour: a plot cannot say `currentColor` itself
INKED = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
# One GPU for everything, or a container for each engine; 3:1 or better on white and on near-black.
LINES = {True: "#d9480f", False: "#1c7ed6"}
LEAST = 1e-5  # where no turn was late, which a log axis has no place for
STYLE = (
    "<style>svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}"
    "text{font-family:system-ui,sans-serif}</style>"
)


def draw(rows: Sequence[Row], file: Path) -> None:
    """Write one panel per amount of traffic: late turns against USD per day, both logarithmic."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    traffics = list(dict.fromkeys(one.turns_per_day for one in rows))
    settings: dict[Any, Any] = {"svg.hashsalt": "parley", "svg.fonttype": "none", "font.size": 9}
    settings |= dict.fromkeys(INKED, INK)
    with mpl.rc_context(settings):
        columns = min(2, len(traffics))
        lines = -(-len(traffics) // columns)
        figure, panels = plt.subplots(
            lines, columns, figsize=(6.4 * columns, 4.6 * lines), squeeze=False, layout="constrained"
        )
        for panel, traffic in zip(panels.flat, traffics, strict=False):
            block = [one for one in rows if one.turns_per_day == traffic]
            panel.scatter(*zip(*map(_point, block), strict=True), s=18, color=INK, alpha=0.75, linewidths=0)
            for shared, colour in LINES.items():
                best = frontier([one for one in block if ("shared" in one.words.split(",")) is shared])
                if best:
                    panel.plot(*zip(*map(_point, best), strict=True), color=colour, linewidth=1.5, marker="o", ms=5)
                for one in best:
                    panel.annotate(one.policy, _point(one), (5, 4), textcoords="offset points", fontsize=7.5)
            panel.set(xscale="log", yscale="log", xlabel="USD a day", ylabel="late turns, %")
            panel.set_title(f"{traffic:,} turns a day" if traffic else "recorded arrivals", fontsize=10)
            panel.patch.set_alpha(0)
            panel.grid(visible=True, which="major", color=INK, alpha=0.15, linewidth=0.6)
            panel.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda usd, _: f"{usd:g}"))
            panel.xaxis.set_minor_formatter(mpl.ticker.LogFormatter(minor_thresholds=(1.5, 0.6)))
            panel.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda late, _: f"{late:g}"))
        for panel in list(panels.flat)[len(traffics) :]:
            panel.set_visible(False)
        figure.patch.set_alpha(0)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    svg = text.getvalue().replace(INK, "currentColor")
    # Text that says no colour would stay black.
    svg = re.sub(r"(<svg [^>]*>)", r'\1' + STYLE, svg, count=1).replace("<text ", '<text fill="currentColor" ')
    file.write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE), encoding="utf-8")


def _point(one: Row) -> tuple[float, float]:
    return one.usd_per_day, max(one.late, LEAST) * 100
