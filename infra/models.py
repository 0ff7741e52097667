"""Which engines stand behind the model ports, by configuration. Model packages are imported when an engine loads."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol, TypeVar

from domain.persona import Voice
from domain.ports import Embedder, Llm, Speaker, Transcriber
from functions import weights
from functions.tts import Engines as Voices
from functions.tts import Tts
from infra.config import Config
from infra.engines import Engine
from infra.runtime import Alone

Wired = tuple[Engine[Transcriber], Engine[Llm], Engine[Speaker], Engine[Embedder], Alone]


LIGHT = "heart"  # the one voice that costs hundredths of its own length


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
    """The engines of this machine, and the LLM that `config` names."""

    def weights_of(name: str) -> Path:
        return weights.path(name, config.cache_dir)

    def ear() -> Transcriber:
        from functions.asr import Asr

        return loading(Asr(weights_of("whisper-base"), config.threads))()

    def vectors() -> Embedder:
        from functions.embed import Embed

        return loading(Embed(config.threads))()

    llm, alone = _remote(config) if config.llm_base_url else _local(config, weights_of(weights.LLM[config.models]))
    tts = Tts(lambda: _voices(weights_of("kokoro-v1.0.int8.onnx"), config.threads))
    return (
        Engine("asr", "Whisper base", ear),
        llm,
        Engine("tts", "hibari and Kokoro-82M", loading(tts)),
        Engine("embed", "multilingual-e5-small", vectors),
        alone,
    )


def _local(config: Config, file: Path) -> tuple[Engine[Llm], Alone]:
    from functions.llm import LlmHandler

    handler = LlmHandler(file, config.threads)
    llm: Engine[Llm] = Engine("llm", weights.load_manifest()[file.name].title, loading(handler))

    def alone(voice: Voice) -> AbstractContextManager[None]:
        """Kokoro (or its melody) and the LLM each want both cores; side by side both are slower than in turns."""
        return handler.pause() if voice.name != LIGHT and llm.status.state == "ready" else nullcontext()

    return llm, alone


def _remote(config: Config) -> tuple[Engine[Llm], Alone]:
    from functions.engines.openai_llm import OpenAiLlm

    def connect() -> Llm:
        return OpenAiLlm(config.llm_base_url, config.llm_api_key, config.llm_model)

    return Engine("llm", config.llm_model, connect), lambda voice: nullcontext()


def _voices(kokoro: Path, threads: int) -> Voices:
    from functions.engines.mouths import open_mouths

    return open_mouths(kokoro, threads)
