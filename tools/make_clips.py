"""Make the reference clips that IndexTTS2 imitates: each of our own voices says two sentences, by the small engines.

So a character keeps its voice when it moves from a laptop to a GPU, and nobody's real voice is copied. Run as
`python -m tools.make_clips` when a voice is added; what it writes is committed (functions/engines/clips/*.ogg).
"""

import asyncio
import io

import numpy as np
import soundfile

from domain.audio import SPOKEN_RATE, Samples
from domain.persona import Language, Voice
from functions import handlers
from functions.engines.voices import HIBARI, KOKORO
from functions.pools import KIND_SETTING
from functions.tts import Tts
from tools.say import ROOT, guard, say

FOLDER = ROOT / "functions" / "engines" / "clips"
# Every kind of sound, a question, and no strong emotion: the clip's own is what an unnamed style has.
WORDS: dict[Language, str] = {
    "en": "I walked along the harbour this morning, and the fishermen were already mending their nets. "
    "Would you like to hear what they told me?",
    "zh": "今天早上我沿着码头走了一会儿，渔民们已经在补网了。你想听听他们跟我说了什么吗？",
}


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    tts = handlers.tts(handlers.Choice({KIND_SETTING: "laptop"}))
    tts.load()
    for name in HIBARI:
        asyncio.run(_make(tts, name, "en"))
    for name in KOKORO:
        asyncio.run(_make(tts, name, "zh"))
    return 0


async def _make(tts: Tts, name: str, language: Language) -> None:
    sounds = [audio.samples() async for audio in tts.speak(WORDS[language], Voice(name), language)]
    samples = np.concatenate(sounds)
    path = FOLDER / f"{name}.ogg"
    path.write_bytes(_ogg(samples))
    say(f"{name}: {len(samples) / SPOKEN_RATE:.1f} s, {path.stat().st_size / 1000:.0f} kB")


def _ogg(samples: Samples) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, SPOKEN_RATE, format="OGG", subtype="OPUS")
    return out.getvalue()


if __name__ == "__main__":
    guard(main)
