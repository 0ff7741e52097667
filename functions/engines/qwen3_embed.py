"""Text to vectors by a model of `transformers`: Qwen3-Embedding by default; E5, BGE, MiniLM by settings."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from domain.ports import Vector
from functions import checked
from functions.checked import Kind
from functions.engines import embed_options, torch_loading
from functions.engines.embed_options import EmbedOptions
from functions.engines.hub_folder import folder_of
from functions.engines.pooling import pooled, shortened
from functions.engines.rerank import Reranker, open_reranker


class TextEmbedder:
    """Blocking, for one thread at a time."""

    def __init__(self, options: EmbedOptions | None = None) -> None:
        """Load the model and probe the dimension of its vectors into `size`.

        Raises BadSetting, Unavailable("model_missing", "model_broken").
        """
        self.options = options or embed_options.read()
        folder = folder_of("EMBED_MODEL", self.options.model, self.options.revision)
        self._device = torch_loading.device_of(self.options)
        # A decoder's last token sees all the others; on the left, padding leaves it in the last place for every text.
        self._tokenizer = torch_loading.tokenizer(folder, "left" if self.options.pooling == "last" else "right")
        self._model = torch_loading.load("AutoModel", folder, self.options, self._device)
        self._reranker: Reranker | None = open_reranker(self.options, self._device)
        self.size = 0
        self.size = len(self.embed(["Hello."], "query")[0])  # which also warms it up

    @property
    def attention(self) -> str:
        """The attention in use: flash_attention_2, sdpa or eager."""
        return str(self._model.config._attn_implementation)

    def embed(self, texts: Sequence[str], kind: Kind) -> list[Vector]:
        """Return one vector of `size` floats per text, in order. Raises BadInput, TooLong."""
        prefix = self.options.query_prefix if kind == "query" else self.options.passage_prefix
        whole = [prefix + torch_loading.sound(text) for text in checked.texts(texts, kind)]
        # Texts of like length share a run, or the short ones would be mostly padding.
        order = sorted(range(len(whole)), key=lambda index: len(whole[index]))
        vectors: list[Vector] = [[]] * len(whole)
        for start in range(0, len(order), self.options.batch):
            some = order[start : start + self.options.batch]
            for index, vector in zip(some, self._run([whole[index] for index in some]), strict=True):
                vectors[index] = vector
        return vectors

    def similarity(self, one: str, other: str) -> float:
        """Return the cosine of two texts, -1 to 1."""
        first, second = (np.asarray(vector) for vector in self.embed([one, other], "passage"))
        return _cosine(first, second)

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return how well each text answers the query, in the order of the texts; higher is better.

        By the reranker: a probability, 0 to 1. Without one: the cosine, -1 to 1.
        """
        if self._reranker is not None:
            [asked], found = checked.texts([query], "query"), checked.texts(texts, "passage")
            return self._reranker.scores(torch_loading.sound(asked), [torch_loading.sound(text) for text in found])
        one = np.asarray(self.embed([query], "query")[0])
        return [_cosine(one, np.asarray(vector)) for vector in self.embed(texts, "passage")]

    def _run(self, texts: list[str]) -> list[Vector]:
        import torch

        inputs: Any = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self.options.max_tokens, return_tensors="pt"
        ).to(self._device)
        with torch.inference_mode():
            states = self._model(**inputs).last_hidden_state
            vectors = pooled(states, inputs["attention_mask"], self.options.pooling)
            vectors = shortened(vectors, self.options.dimension, self.options.normalize)
        found: list[Vector] = vectors.cpu().tolist()
        return found


def _cosine(one: Any, other: Any) -> float:
    return float(np.dot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other) or 1.0))
