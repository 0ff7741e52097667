"""IndexTTS2 as what `functions.tts.Tts` loads: one engine for both languages, its voices those of the clips."""

import os
from collections.abc import Mapping
from pathlib import Path

from functions import weights_cloud
from functions.engines.indextts2 import IndexTts2
from functions.engines.style import CLIPS
from functions.tts import Engines


def open_cloned(env: Mapping[str, str] = os.environ) -> Engines:
    """Load it (a minute on a GPU). Raises BadSetting.

    TTS_MODEL is the folder of checkpoints, TTS_VOICES one of clips, TTS_DEVICE `cuda` or `cpu`, TTS_FP16 `0` or `1`.
    """
    engine = IndexTts2(
        Path(env.get("TTS_MODEL") or weights_cloud.path("indextts2")),
        Path(env.get("TTS_VOICES") or CLIPS),
        env.get("TTS_DEVICE") or "cuda",
        env.get("TTS_FP16") != "0",
    )
    return Engines(None, None, frozenset(), lambda voice: voice, engine.clips.names, engine)
