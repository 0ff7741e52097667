"""The TTS handler: picks the engine by the voice, keeps what was said, one synthesis at a time."""

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Protocol

import msgspec

from domain.audio import Audio
from domain.errors import BadInput, Unavailable
from domain.persona import Language, Voice
from domain.usage import Meter
from functions import checked, offload
from functions.engines import speakable
from functions.engines.style import PLAIN, Style
from functions.gate import Gate

log = logging.getLogger(__name__)
KEPT_BYTES = 32 * 1024 * 1024
MOST = 128  # calls inside

Key = tuple[str, Voice | Audio, Language, Style | None]


class Engine(Protocol):
    """A blocking engine; `speak` ends within 100 ms of `stop` being set."""

    def speak(self, text: str, voice: Voice, language: Language, stop: threading.Event) -> Iterator[Audio]: ...


class Cloning(Protocol):
    """An engine that imitates a clip and takes a style, in either language; blocking as Engine is."""

    def speak(
        self, text: str, voice: Voice | Audio, language: Language, stop: threading.Event, style: Style
    ) -> Iterator[Audio]: ...


class Engines(msgspec.Struct, frozen=True):
    """An engine for each language, and who speaks it for a voice of the other one; or one that clones them all."""

    english: Engine | None
    chinese: Engine | None
    speaks_chinese: frozenset[str]  # names of the voices that the Chinese engine has; they speak English too
    chinese_for: Callable[[Voice], Voice]
    voices: frozenset[str] | None = None  # every name there is; None: the engines say themselves what they lack
    cloning: Cloning | None = None

    def warm_up(self) -> None:
        """Say a word with each; blocking, seconds."""
        never = threading.Event()
        if self.cloning is not None and self.voices:
            deque(self.cloning.speak("Hello.", Voice(min(self.voices)), "en", never, PLAIN), maxlen=0)
        if self.english is not None:
            deque(self.english.speak("Hello.", Voice("heart"), "en", never), maxlen=0)
        if self.chinese is not None:
            deque(self.chinese.speak("你好。", self.chinese_for(Voice("heart")), "zh", never), maxlen=0)


class Tts:
    """Implements domain.ports.Speaker."""

    def __init__(self, make: Callable[[], Engines], kept_bytes: int = KEPT_BYTES) -> None:
        """`make` loads the engines; it is called once, by `load`."""
        self._make = make
        self._engines: Engines | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tts")
        self._kept = Kept(kept_bytes)
        self._gate = Gate("tts", MOST)

    def load(self) -> None:
        """Load the engines and warm them up with a word each; blocking, seconds."""
        engines = self._make()
        engines.warm_up()
        self._engines = engines

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._engines = None

    async def speak(
        self,
        text: str,
        voice: Voice | Audio,
        language: Language,
        style: Style | None = None,
        meter: Meter | None = None,
    ) -> AsyncGenerator[Audio, None]:
        """Yield nothing for a text with nothing to say in it, a smiley. Raises BadInput, TooLong, Unavailable.

        A voice that is a clip, and a style, need an engine that clones: BadInput("style_unknown") elsewhere.
        """
        meter = meter or Meter()
        checked.language(language)
        if isinstance(voice, Voice):
            checked.voice(voice)
        text = speakable.clean(checked.spoken(text))
        if not text:
            return
        key = (text, voice, language, style)
        try:
            hash(key)
        except TypeError:  # a list where there should be a tuple, from another version
            raise BadInput("voice_bad") from None
        kept = self._kept.get(key)
        async with aclosing(self._made(key, meter) if kept is None else _again(kept)) as sounds:
            async for audio in sounds:
                meter.audio_ms += audio.ms
                yield audio

    async def _made(self, key: Key, meter: Meter) -> AsyncGenerator[Audio, None]:
        engines = self._engines
        if engines is None:
            raise Unavailable("tts_waking")
        _check(engines, key)
        with self._gate.through():
            making = offload.stream(self._pool, lambda stop: self._make_sound(engines, key, stop), meter=meter)
            async with aclosing(making) as sounds:
                async for audio in sounds:
                    yield audio

    def _make_sound(self, engines: Engines, key: Key, stop: threading.Event) -> Iterator[Audio]:
        """Runs in the worker thread. What was made while this call waited its turn is not made again."""
        kept = self._kept.get(key)
        if kept is not None:
            yield from kept
            return
        made: list[Audio] = []
        for audio in _sounds(engines, key, stop):
            if stop.is_set():
                return
            made.append(audio)
            yield audio
        # Whoever's clip it was: nothing of it outlives the call.
        if not stop.is_set() and isinstance(key[1], Voice):
            self._kept.put(key, tuple(made))


async def _again(kept: tuple[Audio, ...]) -> AsyncGenerator[Audio, None]:
    for audio in kept:
        yield audio


def _check(engines: Engines, key: Key) -> None:
    _, voice, _, style = key
    if isinstance(voice, Voice):
        if engines.voices is not None and voice.name not in engines.voices:
            raise BadInput("voice_unknown", voice=voice.name[:40])
    elif engines.cloning is None:
        raise BadInput("style_unknown")
    if style is not None and engines.cloning is None:
        raise BadInput("style_unknown")


def _sounds(engines: Engines, key: Key, stop: threading.Event) -> Iterator[Audio]:
    text, voice, language, style = key
    if engines.cloning is not None:
        yield from engines.cloning.speak(text, voice, language, stop, style or PLAIN)
    elif isinstance(voice, Voice):
        for engine, who, tongue, words in _shares(engines, text, voice, language):
            yield from engine.speak(words, who, tongue, stop)


def _shares(
    engines: Engines, text: str, voice: Voice, language: Language
) -> Iterator[tuple[Engine, Voice, Language, str]]:
    """Who says which words: a Chinese voice says them all, an English one leaves Chinese words to another."""
    if engines.english is None:
        return
    if engines.chinese is None:
        yield engines.english, voice, language, text
        return
    if voice.name in engines.speaks_chinese:
        yield engines.chinese, voice, language, text
        return
    for script, words in speakable.runs(text, language):
        if script == "zh":
            yield engines.chinese, engines.chinese_for(voice), script, words
        else:
            yield engines.english, voice, script, words


class Kept:
    """Finished pieces, the least recently used dropped first; safe from several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: OrderedDict[Key, tuple[Audio, ...]] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0

    def get(self, key: Key) -> tuple[Audio, ...] | None:
        with self._lock:
            piece = self._pieces.get(key)
            if piece is not None:
                self._pieces.move_to_end(key)
            return piece

    def put(self, key: Key, piece: tuple[Audio, ...]) -> None:
        weight = _weight(piece)
        if weight > self._limit:
            return
        with self._lock:
            self.size += weight - _weight(self._pieces.pop(key, ()))
            self._pieces[key] = piece
            while self.size > self._limit:
                _, oldest = self._pieces.popitem(last=False)
                self.size -= _weight(oldest)


def _weight(piece: tuple[Audio, ...]) -> int:
    return sum(len(audio.pcm) for audio in piece)
