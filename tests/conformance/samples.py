"""What the cases say and ask."""

import numpy as np

from domain.audio import Audio
from domain.chat import Line
from domain.persona import Voice
from domain.ports import Prompt

HEART = Voice("heart")


def speech(seconds: float = 1.0, rate: int = 16_000) -> Audio:
    """A hum."""
    t = np.arange(int(seconds * rate)) / rate
    return Audio.of((0.3 * np.sin(2 * np.pi * 220 * t)).astype(np.float32), rate)


def prompt(text: str = "Tell me more.", **more: object) -> Prompt:
    return Prompt("chat", "You are a sailor.", (Line("user", text),), **more)  # type: ignore[arg-type]
