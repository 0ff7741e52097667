"""Recordings: whatever a telephone or a browser records, to mono PCM16 of 16 kHz. Of films, the sound.

WAV, FLAC, Ogg and AIFF are libsndfile's; the rest, and what it does not know, FFmpeg's (package `av`), which is told
the container that the bytes have, takes no other, and opens nothing but the bytes it is given. What a header says of
length is not believed: what counts is the samples that come out, and no more than MOST_S of them are asked for.
"""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile
import soxr

from domain.audio import HEARD_RATE, Samples
from domain.errors import BadInput
from domain.filing.model import Read

MOST_S = 600  # seconds that are kept; the rest is left out, and said to be
BLOCK_S = 5
LEAST_RATE, MOST_RATE, MOST_CHANNELS = 4_000, 384_000, 8
SILENT_S = 0.05  # of less nothing can be heard
MOST_IDLE = 20_000  # packets in a row that give no sound: a film's pictures, or somebody's joke
_SNDFILE = ("audio/wav", "audio/flac", "audio/ogg", "audio/aiff")
CONTAINERS = {
    "audio/wav": "wav", "audio/flac": "flac", "audio/ogg": "ogg", "audio/aiff": "aiff", "audio/x-caf": "caf",
    "audio/mpeg": "mp3", "audio/aac": "aac", "audio/amr": "amr", "audio/amr-wb": "amr", "audio/mp4": "mov",
    "audio/3gpp": "mov", "video/mp4": "mov", "video/quicktime": "mov", "video/webm": "matroska",
}  # fmt: skip
# Codecs of sound that are recorded in these. FFmpeg has two hundred more, and each is a way in.
CODECS = frozenset((
    "aac", "alac", "amrnb", "amrwb", "flac", "mp1float", "mp2float", "mp3float", "mp3", "opus", "libopus", "vorbis",
    "libvorbis", "pcm_alaw", "pcm_mulaw", "pcm_s8", "pcm_u8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be",
    "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "adpcm_ima_wav", "adpcm_ms",
    "adpcm_ima_qt", "gsm_ms",
))  # fmt: skip
_CLOSED = {  # not even from FFmpeg itself: no protocol, and nothing that a container points to
    "protocol_whitelist": "none", "format_whitelist": ",".join({*CONTAINERS.values(), "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm"}), "enable_drefs": "0", "max_streams": "16", "probesize": "1000000",
}  # fmt: skip


def warm() -> None:
    """Load FFmpeg, and have it keep to itself what it thinks of files."""
    import av.logging

    av.logging.set_level(None)


def read(data: bytes, media_type: str) -> Read:
    """Raises BadInput("recording_silent", "file_broken")."""
    pcm, cut = _pcm(data, media_type)
    return Read(kind="audio", media_type=media_type, sound=pcm, seconds=len(pcm) / 2 / HEARD_RATE, cut=cut)


def _pcm(data: bytes, media_type: str) -> tuple[bytes, bool]:
    if media_type in _SNDFILE:
        try:
            return _whole(_sndfile(data))
        except soundfile.SoundFileError:
            pass  # a codec that it does not know; FFmpeg may
    return _whole(_ffmpeg(data, CONTAINERS[media_type]))


def _whole(blocks: Iterator[tuple[Samples, int]]) -> tuple[bytes, bool]:
    """Resample blocks of one rate and join them, MOST_S at most."""
    stream: Any = None
    out: list[bytes] = []
    room = MOST_S * HEARD_RATE + HEARD_RATE // 4  # what codecs put before and behind is no more sound
    rate = 0
    for samples, at in blocks:
        if not LEAST_RATE <= at <= MOST_RATE:
            raise BadInput("file_broken")
        if stream is None or at != rate:  # a stream may change its rate on the way: what was, stays
            rate = at
            stream = soxr.ResampleStream(at, HEARD_RATE, 1, dtype="float32", quality="HQ")
        some = stream.resample_chunk(_finite(samples)) if at != HEARD_RATE else _finite(samples)
        out.append(_pcm16(some[:room]))
        if len(some) > room:
            return b"".join(out), True
        room -= len(some)
    if stream is not None and rate != HEARD_RATE:
        out.append(_pcm16(stream.resample_chunk(np.zeros(0, np.float32), last=True)[:room]))
    pcm = b"".join(out)
    if len(pcm) < SILENT_S * 2 * HEARD_RATE:
        raise BadInput("recording_silent")
    return pcm, False


def _finite(samples: Samples) -> Samples:
    return np.nan_to_num(samples.astype(np.float32, copy=False), nan=0.0, posinf=0.0, neginf=0.0)


def _pcm16(samples: Samples) -> bytes:
    return (np.clip(samples, -1.0, 32767 / 32768) * 32768.0).astype("<i2").tobytes()


def _sndfile(data: bytes) -> Iterator[tuple[Samples, int]]:
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        rate, channels = file.samplerate, file.channels
        if not LEAST_RATE <= rate <= MOST_RATE or not 1 <= channels <= MOST_CHANNELS:
            raise BadInput("file_broken")
        while True:
            try:
                block = file.read(BLOCK_S * rate, dtype="float32", always_2d=True)
            except soundfile.SoundFileError:
                return  # cut off: what was read is there
            if not len(block):
                return
            yield block.mean(axis=1, dtype=np.float32), rate


def _ffmpeg(data: bytes, container: str) -> Iterator[tuple[Samples, int]]:
    import av

    try:
        with av.open(io.BytesIO(data), format=container, options=_CLOSED, metadata_errors="ignore") as file:
            stream = next(iter(file.streams.audio), None)
            if stream is None:
                raise BadInput("recording_silent")
            codec = stream.codec_context
            if codec is None or codec.codec.name not in CODECS:
                raise BadInput("file_broken")
            codec.thread_count = 1
            yield from _frames(file, stream)
    except (av.FFmpegError, ValueError, OverflowError, EOFError) as wrong:
        raise BadInput("file_broken") from wrong


def _frames(file: Any, stream: Any) -> Iterator[tuple[Samples, int]]:
    """Yield what is decoded; a packet that is broken is left out, as one lost on the way would be."""
    import av

    some, idle = False, 0
    packets = file.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            if not some:
                raise
            return  # cut off: what was decoded is there
        if packet is None:
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            frames = []
        idle = 0 if frames else idle + 1
        if idle > MOST_IDLE:
            return
        for frame in frames:
            some = True
            yield _mono(frame), frame.sample_rate


def _mono(frame: Any) -> Samples:
    """Return a frame as one channel from -1 to 1, whatever its samples are."""
    if not 1 <= len(frame.layout.channels) <= MOST_CHANNELS:
        raise BadInput("file_broken")
    sound = frame.to_ndarray()
    kind = frame.format.name.rstrip("p")
    if not frame.format.is_planar:
        sound = sound.reshape(-1, len(frame.layout.channels)).T
    wide = sound.astype(np.float32)
    if kind == "u8":
        wide = (wide - 128.0) / 128.0
    elif kind == "s16":
        wide /= 32768.0
    elif kind == "s32":
        wide /= 2147483648.0
    mono: Samples = wide.mean(axis=0, dtype=np.float32)
    return mono
