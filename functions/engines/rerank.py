"""How well a text answers a query, by a model that reads both together.

Two kinds are known by their configuration: a cross-encoder with one output (BGE, MiniLM), and a Qwen3-Reranker, which
is a language model asked whether the text meets the query: the score is its "yes" against its "no".
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from domain.errors import Unavailable
from functions.engines import torch_loading
from functions.engines.embed_options import EmbedOptions
from functions.engines.hub_folder import folder_of
from functions.engines.setting import BadSetting

# The words that Qwen3-Reranker was trained with.
BEFORE = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
)
AFTER = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


class Reranker(Protocol):
    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return a probability for each text."""


def open_reranker(options: EmbedOptions, device: str) -> Reranker | None:
    """Return the reranker of the options, None when there is none. Raises BadSetting, Unavailable."""
    if not options.reranker:
        return None
    folder = folder_of("EMBED_RERANKER", options.reranker, options.reranker_revision)
    try:
        kinds = json.loads((folder / "config.json").read_text())["architectures"]
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable("model_broken", model=folder.name) from error
    if kinds[0].endswith("ForCausalLM"):
        return YesNo(folder, options, device)
    if kinds[0].endswith("ForSequenceClassification"):
        return CrossEncoder(folder, options, device)
    raise BadSetting("EMBED_RERANKER", options.reranker, f"{kinds[0]} is no reranker")


class CrossEncoder:
    """Reads "query [separator] text" and gives one number."""

    def __init__(self, folder: Path, options: EmbedOptions, device: str) -> None:
        self._options, self._device = options, device
        self._tokenizer = torch_loading.tokenizer(folder, "right")
        self._model = torch_loading.load("AutoModelForSequenceClassification", folder, options, device)
        outputs = self._model.config.num_labels
        if outputs != 1:
            raise BadSetting("EMBED_RERANKER", options.reranker, f"it gives {outputs} numbers, a reranker gives one")

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        import torch

        found: list[float] = []
        for start in range(0, len(texts), self._options.batch):
            some = list(texts[start : start + self._options.batch])
            inputs: Any = self._tokenizer(
                [query] * len(some),
                some,
                padding=True,
                truncation="only_second",
                max_length=_room(self._tokenizer, self._options.max_tokens, query),
                return_tensors="pt",
            ).to(self._device)
            with torch.inference_mode():
                found += self._model(**inputs).logits[:, 0].float().sigmoid().cpu().tolist()
        return found


class YesNo:
    """Qwen3-Reranker: the probability of "yes" against "no" as the next word."""

    def __init__(self, folder: Path, options: EmbedOptions, device: str) -> None:
        self._options, self._device = options, device
        self._tokenizer = torch_loading.tokenizer(folder, "left")
        self._model = torch_loading.load("AutoModelForCausalLM", folder, options, device)
        self._yes, self._no = (self._tokenizer.convert_tokens_to_ids(word) for word in ("yes", "no"))
        if None in (self._yes, self._no) or self._yes == self._no:
            raise BadSetting("EMBED_RERANKER", options.reranker, 'its tokenizer lacks "yes" or "no"')
        self._before = self._tokenizer.encode(BEFORE, add_special_tokens=False)
        self._after = self._tokenizer.encode(AFTER, add_special_tokens=False)

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        import torch

        found: list[float] = []
        for start in range(0, len(texts), self._options.batch):
            rows = [self._row(query, text) for text in texts[start : start + self._options.batch]]
            inputs = self._tokenizer.pad({"input_ids": rows}, return_tensors="pt").to(self._device)
            with torch.inference_mode():
                last = self._model(**inputs, logits_to_keep=1).logits[:, -1]
                found += last[:, [self._no, self._yes]].float().softmax(1)[:, 1].cpu().tolist()
        return found

    def _row(self, query: str, text: str) -> list[int]:
        """Cut the text, never the words around it: without its end the model would not answer at all."""
        asked = f"<Instruct>: {self._options.rerank_task}\n<Query>: {query}\n<Document>: {text}"
        room = max(1, self._options.max_tokens - len(self._before) - len(self._after))
        ids: list[int] = self._tokenizer.encode(asked, add_special_tokens=False)[:room]
        return [*self._before, *ids, *self._after]


def _room(tokenizer: Any, most: int, query: str) -> int:
    """Return a maximum length that leaves the text something beside a long query: only the text is ever cut."""
    asked = len(tokenizer.encode(query))
    return int(min(max(most, asked + 64), tokenizer.model_max_length))
