"""A Qwen3 of the same architecture with random weights and a vocabulary of some dozen words."""

from pathlib import Path
from typing import Any

WORDS = "a b c d e f g h yes no query text ship moon fox the Hello . ? : Instruct Query system user".split()
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "[UNK]"]


def build(folder: Path, kind: str = "Qwen3Model", **more: Any) -> None:
    """Write a model folder by the transformers class `kind`."""
    import tokenizers
    import torch
    import transformers

    folder.mkdir(exist_ok=True)
    names = [*SPECIAL, *WORDS]
    plain = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({name: number for number, name in enumerate(names)}, unk_token="[UNK]")
    )
    plain.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    # As Qwen3-Embedding's tokenizer does, a text is closed with its end mark; that token's state is the vector.
    if kind == "Qwen3Model":
        plain.post_processor = tokenizers.processors.TemplateProcessing(
            single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", 0)]
        )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<|endoftext|>", eos_token="<|im_end|>", unk_token="[UNK]",
        additional_special_tokens=SPECIAL[1:5],
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(1)
    config = transformers.Qwen3Config(
        vocab_size=len(names),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
        pad_token_id=0,
        initializer_range=0.5,
        **more,
    )
    getattr(transformers, kind)(config).save_pretrained(folder)
