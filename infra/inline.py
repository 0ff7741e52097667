"""Which engines stand behind the functions of this process, by configuration."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar

import msgspec

from domain.persona import Voice
from functions import handlers, weights
from functions.pools import KIND_SETTING, Name
from infra.config import Config
from infra.engines import Engine
from infra.runtime import Alone

LIGHT = "heart"  # the one voice that costs hundredths of its own length


class Inline(msgspec.Struct, frozen=True):
    """The engines in the order they should wake: the voice first, for greetings; the largest model last."""

    engines: dict[Name, Engine[Any]]
    continues: bool  # whether the LLM goes on from an opening
    alone: Alone | None = None


class Loads(Protocol):
    def load(self) -> None: ...


H = TypeVar("H", bound=Loads)


def loading(make: Callable[[], H]) -> Callable[[], H]:
    """Return what makes the handler, has it load, and hands it out."""

    def load() -> H:
        handler = make()
        handler.load()
        return handler

    return load


def scripted() -> Inline:
    from functions.engines.scripted import ScriptedEmbedder, ScriptedLlm, ScriptedSpeaker, ScriptedTranscriber

    embed = Engine("embed", "scripted", ScriptedEmbedder)
    return Inline(
        {
            "tts": Engine("tts", "scripted", ScriptedSpeaker),
            "asr": Engine("asr", "scripted", ScriptedTranscriber),
            "llm": Engine("llm", "scripted", ScriptedLlm),
            "queries": embed,
            "passages": embed,
        },
        continues=False,
    )


def real(config: Config) -> Inline:
    """The engines of this machine, and the LLM that `config` names."""
    choice = chosen(config)
    embed = Engine("embed", "multilingual-e5-small", loading(lambda: handlers.embed(choice)))
    llm, alone = (endpoint(config), None) if config.llm_base_url else _local(config, choice)
    return Inline(
        {
            "tts": Engine("tts", "hibari and Kokoro-82M", loading(lambda: handlers.tts(choice))),
            "asr": Engine("asr", "Whisper base", loading(lambda: handlers.asr(choice))),
            "llm": llm,
            "queries": embed,
            "passages": embed,
        },
        continues=not config.llm_base_url,  # an endpoint begins its replies itself
        alone=alone,
    )


def chosen(config: Config) -> handlers.Choice:
    return handlers.Choice(
        {
            KIND_SETTING: "laptop",
            "PARLEY_CACHE": str(config.cache_dir),
            "THREADS": str(config.threads),
            "MODELS": config.models,
        }
    )


def _local(config: Config, choice: handlers.Choice) -> tuple[Engine[Any], Alone]:
    handler = handlers.llm(choice)
    file = weights.LLM[config.models]
    llm: Engine[Any] = Engine("llm", weights.load_manifest()[file].title, loading(lambda: handler))

    def alone(voice: Voice) -> AbstractContextManager[None]:
        """Kokoro (or its melody) and the LLM each want both cores; side by side both are slower than in turns."""
        if voice.name == LIGHT or llm.status.state != "ready":
            return nullcontext()
        pause: AbstractContextManager[None] = handler.pause()
        return pause

    return llm, alone


def endpoint(config: Config) -> Engine[Any]:
    """The LLM behind an OpenAI-compatible endpoint: asked from this process, wherever the other functions run."""
    from functions.engines.openai_llm import OpenAiLlm, Provider

    def connect() -> OpenAiLlm:
        second = Provider(config.llm_fallback_base_url, config.llm_fallback_model, config.llm_fallback_api_key)
        return OpenAiLlm(
            config.llm_base_url,
            config.llm_api_key,
            config.llm_model,
            fallback=second if second.base_url else None,
        )

    return Engine("llm", config.llm_model, connect)
