"""How a cloned voice says something: emotion, sampling, speed. And whose voice it is: a clip of somebody speaking."""

import math
from pathlib import Path

import msgspec

from domain.audio import Audio
from domain.errors import BadInput, TooLong

# In the order of IndexTTS2's emotion vector.
EMOTIONS = ("happy", "angry", "sad", "afraid", "disgusted", "melancholic", "surprised", "calm")
NAMED = 0.6  # how much of an emotion its bare name means; above 0.8 in all, voices lose their likeness
CLIP_S = (1.0, 15.0)  # seconds of reference; the model looks at no more than 15
CLIP_RATES = (8_000, 48_000)
CLIP_PEAK = 0.01  # of full level; below there is nobody to imitate
CLIPS = Path(__file__).with_name("clips")  # made by tools/voice_clips.py of our own voices, of no person
KINDS = (".flac", ".ogg", ".wav")


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """At most one of `emotion` (a name), `emotion_vector` (eight shares) and `emotion_audio` (a clip that has it).

    Without any, the reference clip's own emotion is taken. `speed` 1.2 is a fifth faster at the same pitch.
    One beam by default: a beam more is that much more work before the first sound.
    """

    emotion: str | None = None
    emotion_vector: tuple[float, ...] | None = None
    emotion_audio: Audio | None = None
    emotion_strength: float = 1.0
    temperature: float = 0.8
    top_p: float = 0.8
    top_k: int = 30
    num_beams: int = 1
    speed: float = 1.0

    def vector(self) -> list[float] | None:
        """Return the eight shares, None if the emotion comes from a clip."""
        if self.emotion is not None:
            return [NAMED * (name == self.emotion) for name in EMOTIONS]
        return list(self.emotion_vector) if self.emotion_vector is not None else None


PLAIN = Style()


def check(style: Style) -> None:
    """Raise BadInput ("sampling_bad", "emotion_unknown", "emotion_bad") and what `check_clip` raises."""
    limits = {
        "temperature": (0.05, 2.0),
        "top_p": (0.05, 1.0),
        "top_k": (1, 1_000),
        "num_beams": (1, 8),
        "speed": (0.5, 2.0),
        "emotion_strength": (0.0, 1.0),
    }
    for name, (low, high) in limits.items():
        value = getattr(style, name)
        if not _number(value, low, high) or (isinstance(low, int) and not isinstance(value, int)):
            raise BadInput("sampling_bad", name=name)
    given = [style.emotion, style.emotion_vector, style.emotion_audio]
    if sum(one is not None for one in given) > 1:
        raise BadInput("emotion_bad")
    if style.emotion is not None and style.emotion not in EMOTIONS:
        raise BadInput("emotion_unknown", emotion=str(style.emotion)[:20], known=", ".join(EMOTIONS))
    shares = style.emotion_vector
    if shares is not None:
        numbers = len(shares) == len(EMOTIONS) and all(_number(share, 0.0, 1.0) for share in shares)
        if not numbers or sum(shares) > 1.0 + 1e-6:
            raise BadInput("emotion_bad")
    if style.emotion_audio is not None:
        check_clip(style.emotion_audio)


def check_clip(clip: Audio) -> None:
    """Raise BadInput ("clip_bad", "clip_short", "clip_silent") and TooLong ("clip_too_long")."""
    if not isinstance(clip, Audio) or len(clip.pcm) % 2 or not CLIP_RATES[0] <= clip.rate <= CLIP_RATES[1]:
        raise BadInput("clip_bad")
    if clip.seconds > CLIP_S[1]:
        raise TooLong("clip_too_long", seconds=int(CLIP_S[1]))
    if clip.seconds < CLIP_S[0]:
        raise BadInput("clip_short", seconds=int(CLIP_S[0]))
    if float(abs(clip.samples()).max()) < CLIP_PEAK:
        raise BadInput("clip_silent")


def _number(value: object, low: float, high: float) -> bool:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and math.isfinite(value) and low <= value <= high  # type: ignore[arg-type,operator]


class Clips:
    """The named voices: a folder with a clip of each, NAME.ogg, .flac or .wav."""

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        self._paths = {path.stem: path for path in files if path.suffix in KINDS}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._paths)

    def path(self, name: str) -> Path:
        """Raise BadInput("voice_unknown"). A name is only looked up: it is never made into a path."""
        if name not in self._paths:
            raise BadInput("voice_unknown", voice=str(name)[:40])
        return self._paths[name]
