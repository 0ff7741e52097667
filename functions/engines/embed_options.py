"""How a text embedding model is run: read from the environment, checked, and passed on as one Struct."""

import os
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from functions.engines.setting import BadSetting

Pooling = Literal["last", "mean", "cls"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Attention = Literal["auto", "flash_attention_2", "sdpa", "eager"]
Quant = Literal["none", "8bit", "4bit"]
TASK = "Given a question, retrieve passages that help to answer it"


class EmbedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The defaults are those of Qwen3-Embedding-0.6B. A model is a folder, or a repository at a commit."""

    model: str = "Qwen/Qwen3-Embedding-0.6B"
    revision: str = "97b0c614be4d77ee51c0cef4e5f07c00f9eb65b3"
    device: str = "auto"  # cuda when there is one
    pooling: Pooling = "last"
    normalize: bool = True
    dimension: int = 0  # the first so many numbers of a vector count; 0: all of them
    dtype: Dtype = "auto"  # bfloat16 on a GPU, float32 on a CPU
    attention: Attention = "auto"  # flash_attention_2 when its package and a GPU are there, else sdpa
    quant: Quant = "none"
    max_tokens: int = 2_048  # longer texts are cut
    batch: int = 16  # texts that share a run of the model
    query_prefix: str = f"Instruct: {TASK}\nQuery:"
    passage_prefix: str = ""
    reranker: str = ""  # a cross-encoder or a Qwen3-Reranker; "": by the cosine of the vectors
    reranker_revision: str = ""
    rerank_task: str = TASK


def read(env: Mapping[str, str] = os.environ) -> EmbedOptions:
    """Return the options. An empty value counts as absent. Raises BadSetting, which names the setting."""
    default = EmbedOptions()

    def text(name: str, otherwise: str) -> str:
        return env.get(name) or otherwise

    def words(name: str, otherwise: str) -> str:
        """A prefix: `none` makes it empty, and `\\n` stands for a new line."""
        value = env.get(name) or otherwise
        return "" if value == "none" else value.replace("\\n", "\n")

    def one_of(name: str, kind: object, otherwise: str) -> str:
        value, allowed = env.get(name) or otherwise, get_args(kind)
        if value not in allowed:
            raise BadSetting(name, value, f"use one of {', '.join(allowed)}")
        return value

    def number(name: str, otherwise: int, low: int, high: int) -> int:
        value = env.get(name) or str(otherwise)
        if not value.isascii() or not value.isdecimal() or not low <= int(value) <= high:
            raise BadSetting(name, value, f"use a number from {low} to {high}")
        return int(value)

    model = text("EMBED_MODEL", default.model)
    # Another model than the default has other revisions, and the prefix of Qwen's queries would only confuse it.
    ours = model == default.model
    task = text("EMBED_INSTRUCTION", TASK)
    asked = "EMBED_INSTRUCTION" in env or ours
    return EmbedOptions(
        model=model,
        revision=text("EMBED_MODEL_REVISION", default.revision if ours else ""),
        device=text("EMBED_DEVICE", default.device),
        pooling=one_of("EMBED_POOLING", Pooling, default.pooling),  # type: ignore[arg-type]
        normalize=one_of("EMBED_NORMALIZE", Literal["1", "0"], "1") == "1",
        dimension=number("EMBED_DIMENSION", 0, 0, 65_536),
        dtype=one_of("EMBED_DTYPE", Dtype, default.dtype),  # type: ignore[arg-type]
        attention=one_of("EMBED_ATTENTION", Attention, default.attention),  # type: ignore[arg-type]
        quant=one_of("EMBED_QUANT", Quant, default.quant),  # type: ignore[arg-type]
        max_tokens=number("EMBED_MAX_TOKENS", default.max_tokens, 8, 32_768),
        batch=number("EMBED_BATCH", default.batch, 1, 512),
        query_prefix=words("EMBED_QUERY_PREFIX", f"Instruct: {task}\nQuery:" if asked else "none"),
        passage_prefix=words("EMBED_PASSAGE_PREFIX", "none"),
        reranker=text("EMBED_RERANKER", ""),
        reranker_revision=text("EMBED_RERANKER_REVISION", ""),
        rerank_task=task,
    )
