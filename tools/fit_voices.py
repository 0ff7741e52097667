"""Fit the English speakers of functions/engines/voices/hibari-speakers.npz (run once, by whoever changes them).

    python -m tools.fit_voices KOKORO.onnx VOICES_FOLDER WORK_FOLDER

KOKORO.onnx is the original int8 model, VOICES_FOLDER the voice vectors of npm kokoro-js 1.2.1. Each speaker
says the sentences below once in Kokoro (about two minutes on two cores, kept in WORK_FOLDER); hibari says them
to the same melody, and a network of one layer learns the difference of their spectra. What is printed is the
distance in dB on sentences that were not learned from: before, with a fixed equaliser, and fitted.
"""

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.engines.bend import Frames, Shape, bend
from functions.engines.english import English
from functions.engines.hibari import OWN_HZ, driven
from functions.engines.session import open_bytes, run
from functions.engines.timbre import BANDS, bands, features, spectrum
from functions.engines.voices import SPEAKERS

# Kokoro's speaker and the formant its larger or smaller body needs.
CAST = {
    "bm_george": 0.88,
    "bm_fable": 0.88,
    "bm_daniel": 0.88,
    "am_onyx": 0.86,
    "bf_emma": 1.0,
}
ROWS = 161
HELD = 5  # sentences at the end that are not learned from
HIDDEN, STEPS, BATCH, RATE, DECAY = 64, 4000, 512, 2e-3, 1e-4
QUIET_DB = -25.0
SENTENCES = """\
Well now, come in and sit by the window.
The old clock in the hall struck seven, and nobody moved.
What would you do if the answer were already yours?
I found a small brass key beneath the third chair.
Breathe in slowly, and let your shoulders fall.
Her voice was thin, but every word of it was true.
Could you tell me a little more about your last job?
Both of these roads lead to the harbour, though one is shorter.
Yes, that is a very good question.
My father taught me to whistle before I could read.
The garden smells of rain, thyme and wet stone.
We should check the engine twice before we leave the orbit.
Why did the visitor choose Thursday, of all days?
Just think about it for a moment, there is no hurry.
Eight judges watched the young singer with patient eyes.
You used the past tense here, and that is exactly right.
Far below, the sea was moving like a sheet of grey silk.
Oh, I see, so you have been here before.
A good teacher asks, and a better one listens.
Fog covers the valley, yet the ship's bell is clear.
Please describe the man who bought the yellow gloves.
Nothing was stolen, which is what makes it so interesting.
She laughed, shook her head, and poured another cup of tea.
Their measure of joy was unusual, even for children.
Let us begin with the thing you know for certain.
He owed the butcher four pounds and the baker none.
If you are tired, we can stop here and go on tomorrow.
The thief must have walked straight through the kitchen.
Once upon a time, a miller had three very different sons.
Good evening, how can I help you?
Well, tell me what you think courage is.
The lamp was cold, and the window stood open to the garden.
I have watched this harbor for forty years, and it never repeats itself.
Could you say that once more, a little slower?
Every long journey begins with a single question, my friend.
"""
Floats = NDArray[np.float32]
Spoken = tuple[Floats, Floats, Floats]  # hibari's bands, Kokoro's bands [BANDS, frames], pitch [frames]


def teach(kokoro: Path, voices: Path, kept: Path, name: str) -> dict[str, NDArray[Any]]:
    """Return ids, sound, durations, pitch and energy of every sentence as Kokoro says it."""
    if kept.exists():
        with np.load(kept) as there:
            return dict(there)
    import onnx
    from onnx import helper

    model = onnx.load(str(kokoro))
    for tensor, kind in (
        ("/encoder/Gather_output_0", 7),
        ("/encoder/Squeeze_output_0", 1),
        ("/encoder/Squeeze_1_output_0", 1),
    ):
        model.graph.output.append(helper.make_tensor_value_info(tensor, kind, None))
    session, english = open_bytes(model.SerializeToString(), 2), English()
    styles = np.fromfile(voices / f"{name}.bin", np.float32).reshape(-1, 1, 256)
    said: dict[str, NDArray[Any]] = {}
    for number, sentence in enumerate(SENTENCES.splitlines()):
        ids = english.ids(english.phonemes(sentence))
        tokens = np.array([0, *ids, 0], np.int64)
        feeds = {"tokens": tokens[None], "style": styles[len(ids)], "speed": np.ones(1, np.float32)}
        made = run(session, feeds, threading.Event())
        if made is None:
            raise RuntimeError("nothing stops this run")
        for letter, value in zip("iadfn", (tokens, *made), strict=True):
            said[f"{letter}{number}"] = value if letter in "ia" else value.reshape(-1)
    np.savez(kept, allow_pickle=False, **said)
    return said


def pairs(said: dict[str, NDArray[Any]], formant: float) -> list[Spoken]:
    """Let hibari say the same to the same melody."""
    from hibari import dsp, tts

    session = open_bytes(driven(Path(tts.ASSETS) / "hibari.onnx"), 1)
    out = []
    for number in range(len(SENTENCES.splitlines())):
        f0 = np.where(said[f"f{number}"] > 55, said[f"f{number}"], 0).astype(np.float32)
        middle = float(np.exp(np.median(np.log(f0[f0 > 0]))))
        own = f0 * np.float32(OWN_HZ / middle)
        feeds = {
            "ids": said[f"i{number}"][None],
            "durations": said[f"d{number}"],
            "f0_in": own[None],
            "energy": said[f"n{number}"][None],
        }
        made = run(session, feeds, threading.Event())
        if made is None:
            raise RuntimeError("nothing stops this run")
        lh, th, ln, lr, phi = (part[0] for part in made)
        shape = Shape(pitch=12 * float(np.log2(middle / OWN_HZ)), formant=formant)
        frames = bend(Frames(lh, th, ln, lr, phi, own), shape, np.random.default_rng(number))
        theirs = dsp.stft(said[f"a{number}"].astype(np.float32), len(f0)) * (dsp.N_FFT / 4)
        out.append((bands(spectrum(frames)), bands(theirs), frames.f0))
    return out


def fit(learned: list[Spoken]) -> list[Floats]:
    """Return hidden, hidden_bias, out, out_bias: Adam on the clipped difference, loud frames counting more."""
    rng = np.random.default_rng(0)
    seen = np.concatenate([features(x, f) for x, _, f in learned])
    wanted = np.concatenate([(np.maximum(y, -50) - np.maximum(x, -50)).T for x, y, _ in learned])
    weight = np.concatenate([np.clip((y.max(axis=0) + 35) / 30, 0.05, 1) for _, y, _ in learned])[:, None]
    size = seen.shape[1]
    params = [
        (rng.standard_normal((size, HIDDEN)) / np.sqrt(size)).astype(np.float32),
        np.zeros(HIDDEN, np.float32),
        (rng.standard_normal((HIDDEN, BANDS)) * 0.01).astype(np.float32),
        wanted.mean(axis=0).astype(np.float32),
    ]
    first = [np.zeros_like(p) for p in params]
    second = [np.zeros_like(p) for p in params]
    for step in range(1, STEPS + 1):
        pick = rng.integers(0, len(seen), BATCH)
        hidden = np.tanh(seen[pick] @ params[0] + params[1])
        off = np.clip((hidden @ params[2] + params[3] - wanted[pick]) * weight[pick], -15, 15) / BATCH
        back = (off @ params[2].T) * (1 - hidden**2)
        slopes = [seen[pick].T @ back + DECAY * params[0], back.sum(0), hidden.T @ off + DECAY * params[2], off.sum(0)]
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / STEPS))
        for at, slope in enumerate(slopes):
            first[at] = 0.9 * first[at] + 0.1 * slope
            second[at] = 0.999 * second[at] + 0.001 * slope**2
            move = first[at] / (1 - 0.9**step) / (np.sqrt(second[at] / (1 - 0.999**step)) + 1e-8)
            params[at] = (params[at] - rate * move).astype(np.float32)
    return params


def distance(said: list[Spoken], params: list[Floats] | None, fixed: Floats | None = None) -> float:
    """RMS over bands and loud frames in dB."""
    off = []
    for x, y, f0 in said:
        rest = (y - x).T
        if params is not None:
            rest = rest - (np.tanh(features(x, f0) @ params[0] + params[1]) @ params[2] + params[3])
        elif fixed is not None:
            rest = rest - fixed
        off.append(rest[y.mean(axis=0) > QUIET_DB])
    return float(np.sqrt((np.concatenate(off) ** 2).mean()))


def main(kokoro: Path, voices: Path, work: Path) -> None:
    out: dict[str, NDArray[Any]] = {}
    for name, formant in CAST.items():
        said = pairs(teach(kokoro, voices, work / f"{name}.npz", name), formant)
        learned, held = said[:-HELD], said[-HELD:]
        params = fit(learned)
        fixed = np.concatenate([(y - x)[:, y.mean(axis=0) > QUIET_DB] for x, y, _ in learned], axis=1).mean(axis=1)
        print(f"{name}: {distance(held, None):.1f} {distance(held, None, fixed):.1f} {distance(held, params):.1f} dB")
        styles = np.fromfile(voices / f"{name}.bin", np.float32).reshape(-1, 256)[:ROWS, 128:]
        out[f"{name}.style"] = styles.astype(np.float16)
        out[f"{name}.formant"] = np.array(formant, np.float32)
        for field, value in zip(("hidden", "hidden_bias", "out", "out_bias"), params, strict=True):
            out[f"{name}.{field}"] = value.astype(np.float16)
    np.savez(SPEAKERS, allow_pickle=False, **out)


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
