import io
import struct

import numpy as np
import pytest
import soundfile

from domain.audio import HEARD_RATE, Audio, decode
from domain.errors import BadInput, TooLong


def file(samples: np.ndarray, rate: int, subtype: str = "PCM_16", kind: str = "WAV") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, subtype=subtype, format=kind)
    return out.getvalue()


def tone(seconds: float, rate: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize(
    "data",
    [
        file(tone(1, 16_000), 16_000),
        file(tone(1, 48_000), 48_000),
        file(tone(1, 8_000), 8_000, "PCM_U8"),
        file(np.stack([tone(1, 44_100), np.zeros(44_100, np.float32)], axis=1), 44_100),
        file(tone(1, 48_000), 48_000, "OPUS", "OGG"),
        file(tone(1, 16_000), 16_000, "FLOAT"),
        file(tone(1, 16_000), 16_000, "PCM_16", "FLAC"),
    ],
)
def test_any_common_recording_becomes_mono_at_16_khz(data: bytes) -> None:
    speech = decode(data)
    assert speech.rate == HEARD_RATE
    assert abs(speech.seconds - 1) < 0.02
    loud = np.abs(np.fft.rfft(speech.samples()[:16_000]))
    assert abs(int(loud.argmax()) - 440) < 5


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "speech_empty"),
        (b"hello, I am not sound", "speech_unreadable"),
        (b"RIFF\x00\x00\x00\x00WAVE", "speech_unreadable"),
        (file(tone(1, 16_000), 16_000)[:30], "speech_unreadable"),
        (file(tone(0, 16_000), 16_000), "speech_empty"),
        (b"OggS" + bytes(200), "speech_unreadable"),
    ],
)
def test_what_is_not_speech_is_refused_by_name(data: bytes, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        decode(data)
    assert refused.value.code == code


def test_a_minute_and_a_second_is_too_long_and_a_minute_is_not() -> None:
    assert decode(file(tone(60, 8_000), 8_000)).seconds == 60
    with pytest.raises(TooLong):
        decode(file(tone(61, 8_000), 8_000))


def test_a_header_that_promises_hours_decodes_only_what_is_there() -> None:
    data = bytearray(file(tone(1, 16_000), 16_000))
    data[40:44] = struct.pack("<I", 0xFFFFFF00)
    assert decode(bytes(data)).seconds <= 1.01


def test_a_recording_cut_off_in_the_middle_keeps_what_came() -> None:
    assert 0.4 < decode(file(tone(1, 16_000), 16_000)[:16_044]).seconds < 0.6


def test_samples_survive_the_trip_to_pcm_and_back() -> None:
    sound = Audio.of(np.array([0.0, 0.5, -1.0, 2.0], np.float32), 16_000)
    assert np.allclose(sound.samples(), [0.0, 0.5, -1.0, 32767 / 32768])
    assert decode(sound.wav()).pcm == sound.pcm
