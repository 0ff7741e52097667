"""Which engines stand behind the model ports, by configuration. Model packages are imported when an engine loads."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol, TypeVar

from domain.persona import Voice
from domain.ports import Embedder, Llm, Speaker, Transcriber
from functions import weights
from functions.engines.voices import KOKORO
from functions.tts import Engines as Voices
from functions.tts import Tts
from infra.config import Config
from infra.engines import Engine

Alone = Callable[[Voice], AbstractContextManager[None]]
Wired = tuple[Engine[Transcriber], Engine[Llm], Engine[Speaker], Engine[Embedder], Alone]


class Loads(Protocol):
    def load(self) -> None: ...


H = TypeVar("H", bound=Loads)


def loading(handler: H) -> Callable[[], H]:
    """Return what makes the handler ready and hands it out."""

    def load() -> H:
        handler.load()
        return handler

    return load


def scripted() -> Wired:
    from functions.engines.scripted import ScriptedEmbedder, ScriptedLlm, ScriptedSpeaker, ScriptedTranscriber

    return (
        Engine("asr", "scripted", ScriptedTranscriber),
        Engine("llm", "scripted", ScriptedLlm),
        Engine("tts", "scripted", ScriptedSpeaker),
        Engine("embed", "scripted", ScriptedEmbedder),
        lambda voice: nullcontext(),
    )


def real(config: Config) -> Wired:
    from functions.asr import Asr
    from functions.embed import Embed
    from functions.llm import LlmHandler

    def weights_of(name: str) -> Path:
        return weights.path(name, config.cache_dir)

    asr = Asr(weights_of("whisper-base"), config.threads)
    tts = Tts(lambda: _voices(weights_of("kokoro-v1.0.int8.onnx"), config.threads))
    embed = Embed(config.threads)
    if config.llm_base_url:
        return (
            Engine("asr", "Whisper base", loading(asr)),
            Engine("llm", config.llm_model, lambda: _remote(config)),
            Engine("tts", "hibari and Kokoro-82M", loading(tts)),
            Engine("embed", "multilingual-e5-small", loading(embed)),
            lambda voice: nullcontext(),
        )
    name = weights.LLM[config.models]
    local = LlmHandler(weights_of(name), config.threads)
    llm: Engine[Llm] = Engine("llm", weights.load_manifest()[name].title, loading(local))

    def alone(voice: Voice) -> AbstractContextManager[None]:
        """Kokoro and the LLM each want both cores; side by side both are slower than one after the other."""
        return local.pause() if voice.name in KOKORO and llm.status.state == "ready" else nullcontext()

    return (
        Engine("asr", "Whisper base", loading(asr)),
        llm,
        Engine("tts", "hibari and Kokoro-82M", loading(tts)),
        Engine("embed", "multilingual-e5-small", loading(embed)),
        alone,
    )


def _remote(config: Config) -> Llm:
    from functions.engines.openai_llm import OpenAiLlm

    return OpenAiLlm(config.llm_base_url, config.llm_api_key, config.llm_model)


def _voices(kokoro: Path, threads: int) -> Voices:
    from functions.engines.english import English
    from functions.engines.hibari import HibariTts
    from functions.engines.kokoro import KokoroTts
    from functions.engines.kokoro_graph import prepare_kokoro
    from functions.engines.voices import chinese_for

    edited = kokoro.with_suffix(".parley.onnx")
    prepare_kokoro(kokoro, edited)
    english = English()
    return Voices(HibariTts(english), KokoroTts(edited, english, threads), frozenset(KOKORO), chinese_for)
