"""Record functions/engines/clips/*.ogg: each of our voices saying a few sentences, for IndexTTS2 to imitate.

    .venv/bin/python -m tools.voice_clips [KOKORO.onnx]

So the named voices are the same people whichever engine speaks, and no person was recorded: hibari and Kokoro are
under Apache-2.0, and so are these clips. Run once, by whoever changes the voices; about two minutes on two cores.
"""

import sys
import threading
from pathlib import Path

import numpy as np
import soundfile

from domain.audio import SPOKEN_RATE
from domain.persona import Language, Voice
from functions import weights
from functions.engines import sound
from functions.engines.mouths import open_mouths
from functions.engines.style import CLIP_S, CLIPS
from functions.engines.voices import HIBARI, KOKORO

SAYS: dict[Language, str] = {
    "en": (
        "Well now, come in and sit by the window. I was just thinking about the road along the river, "
        "and how quiet it gets in the evening. Shall we talk for a while?"
    ),
    "zh": "你来啦，快进来坐吧。我刚才在想，河边那条小路一到傍晚就特别安静。我们聊一会儿，好不好？今天过得怎么样？",
}


def main() -> int:
    model = Path(sys.argv[1]) if len(sys.argv) > 1 else weights.path("kokoro-v1.0.int8.onnx")
    engines = open_mouths(model, 2)
    CLIPS.mkdir(exist_ok=True)
    for name in (*HIBARI, *KOKORO):
        chinese = name in KOKORO
        engine = engines.chinese if chinese else engines.english
        language: Language = "zh" if chinese else "en"
        assert engine is not None  # noqa: S101 - open_mouths loads both
        made = engine.speak(SAYS[language], Voice(name), language, threading.Event())
        samples = np.concatenate([audio.samples() for audio in made])[: int(CLIP_S[1] * SPOKEN_RATE)]
        path = CLIPS / f"{name}.ogg"
        soundfile.write(path, sound.fade(samples), SPOKEN_RATE, format="OGG", subtype="OPUS")
        print(f"{name:14} {len(samples) / SPOKEN_RATE:5.1f} s {path.stat().st_size:7,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
