"""SenseVoiceSmall through `funasr`: Mandarin, Cantonese, English, Japanese and Korean, how it was said and what else
was to be heard, in one pass that is not autoregressive.

It hears whole stretches of speech only. So an utterance is cut where nobody speaks (fsmn-vad, its pieces merged up to
15 s, as its authors do for better sound events), and what was heard of a stretch is kept for a while: an utterance
that grows, sent again and again while the user speaks, costs its open end each time and not its whole.
"""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from domain.audio import HEARD_RATE, Audio, Samples
from domain.persona import Language
from domain.ports import Transcript
from functions import checked
from functions.engines import rich
from functions.engines.hub_folder import folder_of
from functions.engines.setting import BadSetting
from functions.engines.whisper import windows

MODEL, REVISION = "FunAudioLLM/SenseVoiceSmall", "3eb3b4eeffc2f2dde6051b853983753db33e35c3"
MERGED_MS = 15_000
LONGEST_MS = 30_000  # of a stretch nobody pauses in
SHORTEST = HEARD_RATE // 4  # samples; shorter speech is padded, for the model sees 60 ms at a time
FAINTEST = 0.003  # of full level: without a detector, what is quieter holds no words
KEPT = 256  # stretches; some hundred bytes each


def open_ear(env: Mapping[str, str] = os.environ, threads: int = 2) -> "SenseVoiceAsr":
    """Return the engine as the environment sets it: ASR_MODEL, ASR_VAD, their _REVISION, and ASR_DEVICE.

    The device is a GPU when there is one. Raises as SenseVoiceAsr does.
    """
    import torch

    model = env.get("ASR_MODEL") or MODEL
    revision = env.get("ASR_MODEL_REVISION") or (REVISION if model == MODEL else "")
    device = env.get("ASR_DEVICE") or "auto"
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    vad, vad_revision = env.get("ASR_VAD", ""), env.get("ASR_VAD_REVISION", "")
    return SenseVoiceAsr(model, device, revision, vad, vad_revision, threads)


class SenseVoiceAsr:
    """Blocking, for one thread at a time."""

    def __init__(
        self,
        model: str = MODEL,
        device: str = "cpu",
        revision: str = REVISION,
        vad: str = "",
        vad_revision: str = "",
        threads: int = 2,
    ) -> None:
        """`model` and `vad` are folders, or repositories at a commit; without `vad` speech is cut where it is quiet.

        Raises BadSetting, and Unavailable("model_missing").
        """
        folder = folder_of("ASR_MODEL", model, revision)
        vad_folder = folder_of("ASR_VAD", vad, vad_revision) if vad else None
        require_device(device)
        import funasr

        # No hub, no look for a newer version, no code from the model's folder, no bars.
        common = {
            "device": device,
            "ncpu": threads,
            "disable_update": True,
            "disable_pbar": True,
            "log_level": "ERROR",
            "trust_remote_code": False,
        }
        # funasr adds noise to the samples unless told not to; the same speech shall give the same words. (Said here,
        # for it makes its settings anew from copies before every call.)
        self._model: Any = funasr.AutoModel(model=str(folder), frontend_conf={"dither": 0.0}, **common)
        self._vad: Any = None
        if vad_folder is not None:
            self._vad = funasr.AutoModel(model=str(vad_folder), max_single_segment_time=LONGEST_MS, **common)
        self._kept: OrderedDict[bytes, tuple[rich.Stretch, ...]] = OrderedDict()
        self.runs = 0  # of the model, for benches and tests
        self._hear(np.zeros(HEARD_RATE, np.float32), "en")  # the first run allocates

    def transcribe(self, speech: Audio, language: Language) -> Transcript:
        """Return what is said in 16 kHz speech of at most 60 s. Raises BadInput, TooLong."""
        *_, whole = self.partials(speech, language)
        return whole

    def partials(self, speech: Audio, language: Language) -> Iterator[Transcript]:
        """Yield the transcript so far after each stretch; the last is whole. There is always one."""
        checked.language(language)
        samples = checked.speech(speech).samples()
        stretches: list[rich.Stretch] = []
        parts = self._parts(samples)
        for part in parts:
            stretches += self._known(part, language)
            yield rich.transcript(stretches, language)
        if not parts:
            yield Transcript("", language)

    def _parts(self, samples: Samples) -> list[Samples]:
        """Cut speech into stretches of someone speaking."""
        if self._vad is None:
            return [part for part in windows(samples) if np.abs(part).max(initial=0.0) >= FAINTEST]
        [found] = self._vad.generate(input=samples, cache={})
        per_ms = HEARD_RATE // 1000
        return [samples[start * per_ms : end * per_ms] for start, end in merged(found["value"])]

    def _known(self, part: Samples, language: Language) -> tuple[rich.Stretch, ...]:
        """Hear a stretch unless the very same samples were heard lately."""
        key = hashlib.blake2b(part.tobytes(), digest_size=16, person=language.encode()).digest()
        heard = self._kept.get(key)
        if heard is None:
            heard = self._kept[key] = tuple(self._hear(part, language))
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return heard

    def _hear(self, part: Samples, expected: Language) -> list[rich.Stretch]:
        """Let the model tell the language. If it names one that the app does not know, hold it to the expected one."""
        stretches = self._run(part, "auto")
        return self._run(part, expected) if rich.foreign(stretches) else stretches

    def _run(self, part: Samples, language: str) -> list[rich.Stretch]:
        self.runs += 1
        padded = np.pad(part, (0, max(0, SHORTEST - len(part))))
        [result] = self._model.generate(input=padded, language=language, use_itn=True, cache={})
        return rich.parse(result["text"])


def merged(spoken: Sequence[Sequence[int]], most: int = MERGED_MS) -> list[tuple[int, int]]:
    """Join neighbours [start, end] that together are no longer than `most` (all in ms).

    funasr's own merging starts at 0 and makes stretches out of long silences too, which cost a run and invite words.
    """
    out: list[tuple[int, int]] = []
    for start, end in ((int(start), int(end)) for start, end in spoken):
        if out and end - out[-1][0] <= most:
            out[-1] = (out[-1][0], end)
        elif end > start:
            out.append((start, end))
    return out


def require_device(device: str, setting: str = "ASR_DEVICE") -> None:
    """Refuse a device that is not there: funasr and torch would quietly fall back, or fail at the first call."""
    import torch

    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
        raise BadSetting(setting, device, "use cpu, cuda or cuda:0")
    if kind == "cuda" and not torch.cuda.is_available():
        raise BadSetting(setting, device, "this machine has no GPU that torch can use")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise BadSetting(setting, device, f"there are {torch.cuda.device_count()} GPUs, counted from 0")
