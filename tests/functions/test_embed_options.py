"""The settings of the embedder: what they mean, and that a wrong one is named."""

from pathlib import Path

import pytest

from functions.engines.embed_options import TASK, EmbedOptions, read
from functions.engines.hub_folder import folder_of
from functions.engines.setting import BadSetting


def test_with_no_settings_it_is_qwen3_at_a_commit() -> None:
    assert read({}) == EmbedOptions()
    assert read({}).query_prefix == f"Instruct: {TASK}\nQuery:"
    assert len(read({}).revision) == 40


def test_another_model_gets_neither_the_commit_nor_the_prefix_of_the_default() -> None:
    options = read({"EMBED_MODEL": "intfloat/e5-small", "EMBED_POOLING": "mean"})
    assert (options.revision, options.query_prefix, options.pooling) == ("", "", "mean")


def test_prefixes_take_new_lines_and_none() -> None:
    options = read({"EMBED_QUERY_PREFIX": "query: ", "EMBED_PASSAGE_PREFIX": "a\\nb"})
    assert (options.query_prefix, options.passage_prefix) == ("query: ", "a\nb")
    assert read({"EMBED_QUERY_PREFIX": "none"}).query_prefix == ""
    assert read({"EMBED_INSTRUCTION": "Find recipes"}).query_prefix == "Instruct: Find recipes\nQuery:"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMBED_POOLING", "max"),
        ("EMBED_NORMALIZE", "yes"),
        ("EMBED_DIMENSION", "-1"),
        ("EMBED_DIMENSION", "NaN"),
        ("EMBED_DIMENSION", "２"),
        ("EMBED_DTYPE", "int8"),
        ("EMBED_ATTENTION", "flash"),
        ("EMBED_QUANT", "2bit"),
        ("EMBED_MAX_TOKENS", "0"),
        ("EMBED_BATCH", "1e9"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(BadSetting) as caught:
        read({name: value})
    assert str(caught.value).startswith(f"{name}={value}: use ")
    assert caught.value.code == "setting_bad"
    assert caught.value.detail["setting"] == name


def test_a_repository_needs_a_commit_and_a_folder_none(tmp_path: Path) -> None:
    assert folder_of("EMBED_MODEL", str(tmp_path), "") == tmp_path
    for revision in ("", "main", "97b0c61"):
        with pytest.raises(BadSetting, match="EMBED_MODEL_REVISION"):
            folder_of("EMBED_MODEL", "Qwen/Qwen3-Embedding-0.6B", revision)
    for model in ("", "/no/such/folder", "../etc", "/x", "a/b/c"):
        with pytest.raises(BadSetting, match="EMBED_MODEL="):
            folder_of("EMBED_MODEL", model, "")
