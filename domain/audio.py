"""Speech as mono PCM: what browsers send in, what engines take and give.

Decoding is libsndfile's (package `soundfile`: WAV, FLAC, Ogg/Opus in one maintained C library) and
resampling is `soxr` (the resampler librosa and FFmpeg users trust); both run in the caller's thread.
"""

import io
import wave

import msgspec
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from domain.errors import BadInput, TooLong

HEARD_RATE = 16_000  # what ASR engines take, Hz
SPOKEN_RATE = 24_000  # what TTS engines give and the browser plays, Hz
MAX_SPEECH_S = 60.0
Samples = NDArray[np.float32]


class Audio(msgspec.Struct, frozen=True):
    """Mono PCM: `pcm` is signed 16-bit little-endian, `rate` in Hz."""

    pcm: bytes
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / self.rate

    @property
    def ms(self) -> int:
        return round(self.seconds * 1000)

    def samples(self) -> Samples:
        """Return the sound as float32 in [-1, 1)."""
        return np.frombuffer(self.pcm, "<i2").astype(np.float32) / 32768.0

    def wav(self) -> bytes:
        out = io.BytesIO()
        with wave.open(out, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(self.pcm)
        return out.getvalue()

    @staticmethod
    def of(samples: Samples, rate: int) -> "Audio":
        """Make Audio from float samples; what is beyond full scale is clipped."""
        return Audio((np.clip(samples, -1.0, 32767 / 32768) * 32768.0).astype("<i2").tobytes(), rate)


def decode(data: bytes, max_seconds: float = MAX_SPEECH_S) -> Audio:
    """Read a WAV, FLAC or Ogg (Opus, Vorbis) file as mono speech at 16 kHz.

    Any rate, width and channel count is taken; channels are averaged. At most `max_seconds` are ever
    decoded, whatever the header claims. Raises BadInput ("speech_empty", "speech_unreadable") and
    TooLong ("speech_too_long").
    """
    if not data:
        raise BadInput("speech_empty")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate = file.samplerate
            if not 4_000 <= rate <= 384_000 or not 1 <= file.channels <= 8:
                raise BadInput("speech_unreadable")
            limit = int(rate * max_seconds)
            sound = file.read(limit + 1, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, ValueError, OSError, MemoryError) as error:
        raise BadInput("speech_unreadable") from error
    if len(sound) > limit:
        raise TooLong("speech_too_long", seconds=int(max_seconds))
    mono = np.nan_to_num(sound.mean(axis=1, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if not len(mono):
        raise BadInput("speech_empty")
    if rate != HEARD_RATE:
        mono = soxr.resample(mono, rate, HEARD_RATE, quality="HQ").astype(np.float32)
    return Audio.of(mono, HEARD_RATE)
