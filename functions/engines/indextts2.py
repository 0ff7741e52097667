"""IndexTTS2 (package indextts2-inference 2.1.1): clones a voice from a few seconds, and says it with an emotion.

The package takes paths, writes files, and cannot be stopped. Here it gets clips from a folder in memory that goes
with the call, hands over tensors only, and is stopped from inside: between two steps of its GPT and of its
diffusion, by hooks that raise. Speed is its length regulator's: the same codes stretched over fewer frames.
"""

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from domain.audio import SPOKEN_RATE, Audio, Samples
from domain.persona import Language, Voice
from functions.engines import clauses, sound
from functions.engines.setting import BadSetting
from functions.engines.style import PLAIN, Clips, Style, check, check_clip

OWN_RATE = 22_050  # Hz
MEMORY = Path("/dev/shm")  # noqa: S108 - only folders of our own making, gone with the call
CODES = (60, 9, 1_500)  # of a piece at most: so many, and so many per letter, and never more
FILES = ("config.yaml", "gpt.pth", "s2mel.pth", "bpe.model")


class _Stopped(Exception):
    """Raised inside the package to leave it."""


class IndexTts2:
    """Blocking, for one thread at a time."""

    def __init__(self, checkpoints: Path, clips: Path, device: str = "cuda", fp16: bool = True) -> None:
        """`clips` holds a file per named voice. The CPU computes in 32 bits whatever is asked. Raises BadSetting."""
        absent = [name for name in FILES if not (checkpoints / name).is_file()]
        if absent:
            raise BadSetting("TTS_MODEL", checkpoints, f"{', '.join(absent)} not there")
        self.clips = Clips(clips)
        if not self.clips.names:
            raise BadSetting("TTS_VOICES", clips, "no clip of any voice there")
        import torch
        from indextts import IndexTTS2  # type: ignore[import-not-found,unused-ignore]
        from transformers import StoppingCriteriaList

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise BadSetting("TTS_DEVICE", device, "this machine has no GPU that torch can use")
        self._no_grad = torch.no_grad  # the package keeps tensors of the last voice, and with them their graphs
        self._tts: Any = IndexTTS2(
            model_dir=str(checkpoints), device=device, use_fp16=fp16 and device != "cpu", use_cuda_kernel=False
        )
        # Beyond its positions the GPT would read past the end of a table; 4 of them are taken by marks.
        self._most = min(CODES[2], int(self._tts.cfg.gpt.max_mel_tokens) - 4)
        self._criteria = StoppingCriteriaList([_Criterion(self._leave, torch)])
        self._stop = threading.Event()
        self._speed = 1.0
        parts = self._tts.s2mel.models
        parts["cfm"].estimator.register_forward_pre_hook(lambda module, args: self._leave())
        parts["length_regulator"].register_forward_pre_hook(self._hurry, with_kwargs=True)

    def speak(
        self, text: str, voice: Voice | Audio, language: Language, stop: threading.Event, style: Style = PLAIN
    ) -> Iterator[Audio]:
        """Yield 24 kHz sound, clause by clause, until `stop`; it ends within a step of the model.

        A voice is named, or a clip of 1 to 15 s that is imitated. The package tells English from Mandarin itself,
        so `language` is not used. Raises BadInput, TooLong.
        """
        check(style)
        speed = style.speed
        if isinstance(voice, Voice):
            speed *= voice.pace
            clip: Audio | Path = self.clips.path(voice.name)
        else:
            check_clip(voice)
            clip = voice
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            reference = _file(clip, Path(folder), "voice")
            emotion = _file(style.emotion_audio, Path(folder), "emotion") if style.emotion_audio else None
            self._stop, self._speed = stop, 1.0
            try:
                with self._no_grad():
                    # Before the speed is set: the length of the clip's own frames is nothing to hurry.
                    self._tts._get_speaker_conditioning(reference)
                self._speed = speed
                for piece in clauses.clauses(text):
                    for samples in self._say(piece, reference, emotion, style):
                        yield from sound.chunks(sound.level(sound.trim(samples)))
                    yield from sound.chunks(sound.silence(sound.pause_after(piece, speed)))
            except _Stopped:
                return
            finally:
                self._speed = 1.0

    def _say(self, piece: str, reference: str, emotion: str | None, style: Style) -> Iterator[Samples]:
        """Yield the sound of each segment that the package makes of a piece; mostly it is one."""
        least, each, _ = CODES
        making = self._tts.infer_generator(
            reference,
            piece,
            None,  # no file is written
            emo_audio_prompt=emotion,
            emo_alpha=style.emotion_strength,
            emo_vector=style.vector(),
            interval_silence=1,  # pauses are ours, by the mark; zero would hand back a list
            stream_return=True,
            temperature=style.temperature,
            top_p=style.top_p,
            top_k=style.top_k,
            num_beams=style.num_beams,
            max_mel_tokens=min(self._most, least + each * clauses.weight(piece)),
            stopping_criteria=self._criteria,
        )
        with closing(making):
            for index in range(10_000):
                self._leave()
                with self._no_grad():
                    made = next(making, None)
                if made is None:
                    return
                if index % 2 == 0:  # every other item is a pause
                    yield _resampled(made.squeeze().float().numpy())

    def _leave(self) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _hurry(self, module: Any, args: Any, more: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
        if self._speed == 1.0:
            return None
        return args, {**more, "ylens": (more["ylens"] / self._speed).long().clamp(min=1)}


class _Criterion:
    """What transformers asks after every token. It never says enough: it leaves."""

    def __init__(self, leave: Callable[[], None], torch: Any) -> None:
        self._leave = leave
        self._torch = torch

    def __call__(self, input_ids: Any, scores: Any, **more: Any) -> Any:
        self._leave()
        return self._torch.zeros(input_ids.shape[0], dtype=self._torch.bool, device=input_ids.device)


def _file(clip: Audio | Path, folder: Path, name: str) -> str:
    """Return the path of a clip. The package remembers the last voice by its path, and a folder's name comes once."""
    if isinstance(clip, Path):
        return str(clip)
    path = folder / f"{name}.wav"
    path.write_bytes(clip.wav())
    return str(path)


def _resampled(samples: Samples) -> Samples:
    if not np.isfinite(samples).all():
        raise RuntimeError("the model made no numbers")  # 16 bits may overflow; a click at full level is worse
    out: Samples = soxr.resample(samples, OWN_RATE, SPOKEN_RATE, quality="HQ").astype(np.float32)
    return out
