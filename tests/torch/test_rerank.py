"""Rerankers: a tiny Qwen3-Reranker and a tiny cross-encoder, against what transformers alone computes."""

from pathlib import Path
from typing import Any

import pytest

from domain.errors import BadInput, Unavailable
from functions.engines import rerank
from functions.engines.embed_options import EmbedOptions
from functions.engines.qwen3_embed import TextEmbedder
from functions.engines.setting import BadSetting

pytestmark = [pytest.mark.torch, pytest.mark.timeout(900)]  # the first import of torch may wait for other work
TEXTS = ["the ship", "a b c d e f g h the moon " * 3, "fox", ""]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import transformers

    from tests.torch import tiny_qwen3

    root = tmp_path_factory.mktemp("rerankers")
    tiny_qwen3.build(root / "embed")
    tiny_qwen3.build(root / "yesno", "Qwen3ForCausalLM")
    for name, labels in (("cross", 1), ("classes", 3)):
        tiny_qwen3.build(root / name, "Qwen3ForSequenceClassification", num_labels=labels)
    assert transformers.AutoConfig.from_pretrained(root / "cross").num_labels == 1
    return root


def engine(models: Path, name: str, **more: Any) -> TextEmbedder:
    return TextEmbedder(
        EmbedOptions(model=str(models / "embed"), device="cpu", reranker=str(models / name), rerank_task="a", **more)
    )


@pytest.mark.parametrize("batch", [1, 3])
def test_the_score_is_yes_against_no(models: Path, batch: int) -> None:
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(models / "yesno")
    model = transformers.AutoModelForCausalLM.from_pretrained(models / "yesno", dtype=torch.float32).eval()
    expected = []
    for text in TEXTS:
        words = f"{rerank.BEFORE}<Instruct>: a\n<Query>: the moon\n<Document>: {text}{rerank.AFTER}"
        with torch.no_grad():
            last = model(**tokenizer(words, return_tensors="pt")).logits[0, -1]
        yes, no = (last[tokenizer.convert_tokens_to_ids(word)].exp() for word in ("yes", "no"))
        expected.append(float(yes / (yes + no)))
    assert engine(models, "yesno", batch=batch).rerank("the moon", TEXTS) == pytest.approx(expected, abs=1e-5)


def test_a_long_text_is_cut_and_the_question_after_it_stays(models: Path) -> None:
    limited = engine(models, "yesno", max_tokens=160)
    row = limited._reranker._row("the moon", "fox " * 500)  # type: ignore[union-attr]
    tail = limited._reranker._after  # type: ignore[union-attr]
    assert len(row) == 160
    assert row[-len(tail) :] == tail


@pytest.mark.parametrize("batch", [1, 3])
def test_a_cross_encoder_reads_both_texts(models: Path, batch: int) -> None:
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(models / "cross")
    kind = transformers.AutoModelForSequenceClassification
    model = kind.from_pretrained(models / "cross", dtype=torch.float32).eval()
    expected = []
    for text in TEXTS:
        with torch.no_grad():
            expected.append(float(model(**tokenizer("the moon", text, return_tensors="pt")).logits[0, 0].sigmoid()))
    assert engine(models, "cross", batch=batch).rerank("the moon", TEXTS) == pytest.approx(expected, abs=1e-5)


def test_what_is_no_reranker_is_named(models: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"EMBED_RERANKER=.*: Qwen3Model is no reranker"):
        engine(models, "embed")
    with pytest.raises(BadSetting, match="it gives 3 numbers"):
        engine(models, "classes")
    (models / "hollow").mkdir(exist_ok=True)
    with pytest.raises(Unavailable) as caught:
        engine(models, "hollow")
    assert caught.value.code == "model_broken"


def test_bad_input_is_named(models: Path) -> None:
    judge = engine(models, "yesno")
    with pytest.raises(BadInput):
        judge.rerank(None, TEXTS)  # type: ignore[arg-type]
    with pytest.raises(BadInput):
        judge.rerank("the moon", [3])  # type: ignore[list-item]
    assert judge.rerank("the moon", []) == []
