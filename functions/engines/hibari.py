"""English speech by hibari-tts 0.2.1: one small fast voice, turned into others.

The weights (7.9 MB) come inside the package and a clause costs a few hundredths of its own length, twenty
times less than Kokoro, from which hibari was distilled. So the other speakers are made from it as well: the
melody is predicted by Kokoro's front (melody.py), the timbre laid over the spectra (timbre.py), and pitch and
formant bent from there (bend.py).
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.audio import Audio, Samples
from domain.persona import Language, Voice
from functions.engines import sound
from functions.engines.bend import PLAIN, Frames, Shape, bend
from functions.engines.english import English
from functions.engines.graphs import feed, keep_outputs
from functions.engines.melody import Melody
from functions.engines.session import open_bytes, open_session, run
from functions.engines.timbre import Timbre
from functions.engines.voices import HIBARI, SPEAKERS

MAX_TOKENS = 150  # longer parts are cut at clause ends: style tables end at 160 tokens
OWN_HZ = 200.0  # the middle of the pitch hibari was trained on


class HibariTts:
    """Takes any Voice whose name is in `voices.HIBARI`; blocking, for one thread at a time."""

    def __init__(self, english: English | None = None, melody: Path | None = None, threads: int = 1) -> None:
        """`melody` is the file that `prepare_melody` made. Without it every voice is the model's own, bent."""
        import hibari.dsp
        import hibari.tts

        self._english = english or English()
        self._synth = hibari.dsp.synth
        own = Path(hibari.tts.ASSETS) / "hibari.onnx"
        self._session = open_session(own, threads)
        self._melody: Melody | None = None
        self._timbres: dict[str, Timbre] = {}
        if melody is not None:
            with np.load(SPEAKERS) as table:
                names = [name for name in HIBARI if f"{name}.style" in table]
                self._timbres = {name: Timbre.read(table, name) for name in names}
                styles = {name: table[f"{name}.style"].astype(np.float32) for name in names}
            self._melody = Melody(melody, styles, threads)
            self._driven = open_bytes(driven(own), threads)

    def speak(self, text: str, voice: Voice, language: Language, stop: threading.Event) -> Iterator[Audio]:
        parts = sound.parts(self._english.phonemes(text), MAX_TOKENS, MAX_TOKENS)
        return sound.spoken(parts, lambda part: self.render(part, voice, stop), text, voice.pace, stop)

    def render(self, phonemes: str, voice: Voice, stop: threading.Event) -> Samples:
        """Return the trimmed and evened sound of one part; empty when stopped."""
        ids = self._english.ids(phonemes)
        speaker = HIBARI.get(voice.name, HIBARI["heart"])
        pace = float(np.clip(speaker.pace * voice.pace, 0.5, 2.0))
        # The same piece gives the same sound, so that what is kept and what is made again agree.
        rng = np.random.default_rng(len(ids))
        timbre = self._timbres.get(voice.name)
        if not ids:
            frames = None
        elif self._melody is not None and timbre is not None:
            frames = self._sing(self._melody, timbre, ids, voice.name, pace, rng, stop)
        else:
            frames = self._say(ids, pace, stop)
        if frames is None:
            return sound.silence(0)
        bent = bend(frames, _shape(PLAIN if timbre is not None else speaker.shape, voice), rng)
        samples = self._synth(bent.lh, bent.th, bent.ln, bent.lr, bent.phi, bent.f0, rng)
        return sound.level(sound.trim(samples))

    def _say(self, ids: list[int], pace: float, stop: threading.Event) -> Frames | None:
        """In the model's own voice and melody."""
        feeds: dict[str, NDArray[Any]] = {
            "ids": np.array([[0, *ids, 0]], np.int64),
            "speed": np.array([pace], np.float32),
        }
        made = run(self._session, feeds, stop)
        return Frames(*(part[0] for part in made)) if made else None

    def _sing(
        self,
        melody: Melody,
        timbre: Timbre,
        ids: list[int],
        name: str,
        pace: float,
        rng: np.random.Generator,
        stop: threading.Event,
    ) -> Frames | None:
        """To another speaker's melody, in that speaker's timbre."""
        tune = melody.tune(ids, name, pace, stop)
        if tune is None:
            return None
        voiced = tune.f0[tune.f0 > 0]
        middle = float(np.exp(np.median(np.log(voiced)))) if len(voiced) else OWN_HZ
        # The spectra are asked for at a pitch the model knows, and the pitch is put right afterwards.
        own = tune.f0 * np.float32(OWN_HZ / middle)
        feeds: dict[str, NDArray[Any]] = {
            "ids": np.array([[0, *ids, 0]], np.int64),
            "durations": tune.durations,
            "f0_in": own[None],
            "energy": tune.energy[None],
        }
        made = run(self._driven, feeds, stop)
        if made is None:
            return None
        lh, th, ln, lr, phi = (part[0] for part in made)
        frames = Frames(lh, th, ln, lr, phi, own)
        return timbre.cast(frames, 12 * float(np.log2(middle / OWN_HZ)), rng)


def _shape(speaker: Shape, voice: Voice) -> Shape:
    """The character's pitch and formant on top of the speaker's."""
    return Shape(
        pitch=speaker.pitch + float(np.clip(voice.pitch, -18, 18)),
        formant=speaker.formant * float(np.clip(voice.formant, 0.7, 1.4)),
        melody=speaker.melody,
        breath=speaker.breath,
        tilt=speaker.tilt,
        rough=speaker.rough,
    )


def driven(own: Path) -> bytes:
    """Return the model with the melody as inputs in place of its own prediction."""
    import onnx

    model = onnx.load(str(own))
    feed(model.graph, "/Cast_32_output_0", "durations", onnx.TensorProto.INT64, ["tokens"])
    feed(model.graph, "f0", "f0_in", onnx.TensorProto.FLOAT, [1, "frames"])
    feed(model.graph, "/Mul_62_output_0", "energy", onnx.TensorProto.FLOAT, [1, "frames"])
    keep_outputs(model.graph, ["lh", "theta", "ln", "lr", "phi"])
    return bytes(model.SerializeToString())
