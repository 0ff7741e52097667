"""The embedder on a tiny Qwen3: loading, batches, padding, pooling, truncation, prefixes, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from domain.errors import BadInput, TooLong, Unavailable
from functions.engines.embed_options import EmbedOptions
from functions.engines.qwen3_embed import TextEmbedder
from functions.engines.setting import BadSetting

pytestmark = [pytest.mark.torch, pytest.mark.timeout(900)]  # the first import of torch may wait for other work
TEXTS = ["the ship", "a b c d e f g h the moon", "fox", "the fox the moon the ship the fox"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.torch import tiny_qwen3

    folder = tmp_path_factory.mktemp("qwen3") / "model"
    tiny_qwen3.build(folder)
    return folder


def options(folder: Path, **more: Any) -> EmbedOptions:
    plain = EmbedOptions(model=str(folder), device="cpu", query_prefix="", max_tokens=64)
    return msgspec.structs.replace(plain, **more)


def alone(folder: Path, text: str, pooling: str) -> np.ndarray[Any, Any]:
    """The vector by transformers alone, one text at a time: nothing is padded, so nothing can go wrong with it."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()
    vector = {"last": states[-1], "mean": states.mean(0), "cls": states[0]}[pooling]
    return np.asarray(vector / np.linalg.norm(vector))


@pytest.mark.parametrize("pooling", ["last", "mean", "cls"])
@pytest.mark.parametrize("batch", [1, 3, 16])
def test_a_text_has_the_same_vector_alone_and_among_longer_ones(folder: Path, pooling: str, batch: int) -> None:
    engine = TextEmbedder(options(folder, pooling=pooling, batch=batch))
    found = engine.embed(TEXTS, "passage")
    for text, vector in zip(TEXTS, found, strict=True):
        np.testing.assert_allclose(vector, alone(folder, text, pooling), atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_last_token_pooling_finds_the_last_real_token_on_either_side(side: str) -> None:
    import torch

    from functions.engines.pooling import pooled

    states = torch.arange(12.0).reshape(2, 3, 2)
    mask = torch.tensor([[1, 1, 1], [0, 1, 1] if side == "left" else [1, 1, 0]])
    last = pooled(states, mask, "last").tolist()
    assert last == [[4.0, 5.0], [10.0, 11.0] if side == "left" else [8.0, 9.0]]
    first = pooled(states, mask, "cls").tolist()
    assert first == [[0.0, 1.0], [8.0, 9.0] if side == "left" else [6.0, 7.0]]


def test_the_dimension_is_probed_and_a_shorter_one_is_made_a_unit_again(folder: Path) -> None:
    whole, short = TextEmbedder(options(folder)), TextEmbedder(options(folder, dimension=8))
    assert (whole.size, short.size) == (32, 8)
    full, cut = (np.array(engine.embed(["the ship"], "passage")[0]) for engine in (whole, short))
    assert np.linalg.norm(cut) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(cut, full[:8] / np.linalg.norm(full[:8]), atol=1e-5)


def test_a_dimension_that_the_model_does_not_have_is_refused_at_the_start(folder: Path) -> None:
    with pytest.raises(BadSetting, match="EMBED_DIMENSION=33: the model's vectors have 32 numbers"):
        TextEmbedder(options(folder, dimension=33))


def test_without_normalising_vectors_keep_their_length_and_cosines_stay(folder: Path) -> None:
    raw, unit = TextEmbedder(options(folder, normalize=False)), TextEmbedder(options(folder))
    assert abs(np.linalg.norm(raw.embed(["fox"], "passage")[0]) - 1) > 0.01
    assert raw.similarity("fox", "the moon") == pytest.approx(unit.similarity("fox", "the moon"), abs=1e-5)
    assert unit.similarity("fox", "fox") == pytest.approx(1.0, abs=1e-5)


def test_queries_get_their_instruction_and_passages_do_not(folder: Path) -> None:
    prefix = "Instruct: the text\nQuery:"
    engine = TextEmbedder(options(folder, query_prefix=prefix))
    plain = TextEmbedder(options(folder))
    assert engine.embed(["fox"], "query") != engine.embed(["fox"], "passage")
    assert engine.embed(["fox"], "query") == plain.embed([prefix + "fox"], "passage")


def test_longer_texts_are_cut_to_the_limit(folder: Path) -> None:
    engine = TextEmbedder(options(folder, max_tokens=8))
    long, longer = engine.embed(["a b c d e f g h " * 3, "a b c d e f g h " * 30], "passage")
    np.testing.assert_allclose(long, longer, atol=1e-5)


def test_reranking_without_a_reranker_is_by_cosine(folder: Path) -> None:
    engine = TextEmbedder(options(folder))
    scores = engine.rerank("the ship", TEXTS)
    assert scores == pytest.approx([engine.similarity("the ship", text) for text in TEXTS], abs=1e-5)
    assert max(scores) == scores[0]
    assert engine.rerank("the ship", []) == []


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_every_dtype_gives_finite_unit_vectors(folder: Path, dtype: str) -> None:
    [vector] = TextEmbedder(options(folder, dtype=dtype)).embed(["the ship"], "passage")
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(vector, alone(folder, "the ship", "last"), atol=0.05)


def test_both_plain_attentions_agree_and_auto_is_sdpa_on_a_cpu(folder: Path) -> None:
    eager, auto = TextEmbedder(options(folder, attention="eager")), TextEmbedder(options(folder))
    assert (eager.attention, auto.attention) == ("eager", "sdpa")
    np.testing.assert_allclose(eager.embed(TEXTS, "query"), auto.embed(TEXTS, "query"), atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"attention": "flash_attention_2"}, "EMBED_ATTENTION=flash_attention_2: the package flash-attn"),
        ({"quant": "4bit"}, "EMBED_QUANT=4bit: the package bitsandbytes is not installed"),
        ({"quant": "8bit"}, "EMBED_QUANT=8bit: the package bitsandbytes is not installed"),
        ({"device": "cuda"}, "EMBED_DEVICE=cuda: this machine has no GPU"),
        ({"model": "/no/such/folder"}, "EMBED_MODEL=/no/such/folder: there is no such folder"),
    ],
)
def test_what_cannot_be_had_here_is_named(folder: Path, wrong: dict[str, Any], words: str) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(BadSetting, match=words):
        TextEmbedder(options(folder, **wrong))


def test_a_folder_without_a_model_is_broken(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        TextEmbedder(options(tmp_path))
    assert caught.value.code == "model_broken"
    torn = tmp_path / "torn"
    torn.mkdir()
    for file in folder.iterdir():
        (torn / file.name).write_bytes(file.read_bytes()[: 2000 if file.suffix == ".safetensors" else None])
    with pytest.raises(Unavailable) as caught:
        TextEmbedder(options(torn))
    assert caught.value.code == "model_broken"


@pytest.mark.parametrize(
    ("texts", "kind", "error", "code"),
    [
        (["a"] * 65, "query", TooLong, "texts_too_many"),
        (["a"], "poem", BadInput, "kind_unknown"),
        ([None], "query", BadInput, "text_unreadable"),
        ([b"a"], "passage", BadInput, "text_unreadable"),
    ],
)
def test_bad_input_is_named_and_the_engine_lives_on(
    folder: Path, texts: Any, kind: Any, error: type[BadInput], code: str
) -> None:
    engine = TextEmbedder(options(folder))
    with pytest.raises(error) as caught:
        engine.embed(texts, kind)
    assert caught.value.code == code
    assert len(engine.embed(["", "\ud83d", "x" * 100_000], "passage")) == 3
    assert engine.embed([], "query") == []


def test_all_minilm_gives_the_vectors_of_sentence_transformers(minilm: Path) -> None:
    golden = json.loads((Path(__file__).parent / "golden" / "minilm.json").read_text())
    engine = TextEmbedder(
        EmbedOptions(model=str(minilm), device="cpu", pooling="mean", query_prefix="", max_tokens=golden["max_tokens"])
    )
    assert engine.size == 384
    for batch in (golden["texts"], golden["texts"][::-1]):
        found = dict(zip(batch, engine.embed(batch, "passage"), strict=True))
        for text, vector in zip(golden["texts"], golden["vectors"], strict=True):
            np.testing.assert_allclose(found[text], vector, atol=1e-5)
    scores = engine.rerank("How do clocks get mended?", golden["texts"])
    assert scores.index(max(scores)) == 0
