"""docs/capacity.md says what the simulator assumes and which policies it knows."""

from pathlib import Path

from infra.simulation import work
from infra.simulation.policies import NAMED

PAGE = (Path(__file__).parents[3] / "docs" / "capacity.md").read_text(encoding="utf-8")


def row(start: str) -> str:
    return next(line for line in PAGE.splitlines() if line.startswith(f"| {start}"))


def test_every_named_policy_is_told_with_its_words() -> None:
    for name, words in NAMED.items():
        assert f"| {name} | {f'`{words}`' if words else 'the pool table'} |" in PAGE


def test_the_assumptions_are_those_of_the_code() -> None:
    assert f"{work.HEARING[0]} s median" in row("hearing")
    assert f"{work.SEARCHING[0]} s median" in row("searching") and f"{work.WITH_SOURCES:.0%}".rstrip("%") in row("sea")
    assert f"{work.THINKING[0]} s median" in row("LLM")
    assert f"{work.SPEAKING_RTF} s of GPU" in row("speaking") and f"{work.REPLY_AUDIO[0]:g} s median" in row("speaking")
    assert f"{work.SLOWDOWN:.0%}".rstrip("%") in row("an input beside")
    engines = [work.ENGINES[name] for name in ("asr", "queries", "tts", "voice")]
    assert ", ".join(f"{engine.boot:g}" for engine in engines) in row("boot")
    assert ", ".join(f"{engine.snapshot_boot:g}" for engine in engines) in row("boot")
    assert f"after {work.ENDING:g} s" in row("a container that")
    assert f"{work.TURNS_PER_VISIT} turns" in row("visits") and f"{work.PAUSE[0]:g} s median" in row("visits")
    assert f"{work.BOUNCES:.0%}".rstrip("%") in row("visits")
    assert f"{1 + work.SWING:g} times" in row("the day") and f"{work.BUSIEST:g}:00" in row("the day")
