"""What every model of `transformers` needs when it loads: where it runs, in which numbers, with which attention."""

import importlib.util
from pathlib import Path
from typing import Any

from domain.errors import Unavailable
from functions.engines.embed_options import EmbedOptions
from functions.engines.sensevoice import require_device
from functions.engines.setting import BadSetting


def device_of(options: EmbedOptions) -> str:
    import torch

    if options.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    require_device(options.device, "EMBED_DEVICE")
    return options.device


def attention_of(options: EmbedOptions, device: str) -> str:
    """Return the attention to ask transformers for."""
    flash = importlib.util.find_spec("flash_attn") is not None
    if options.attention == "auto":
        # FlashAttention knows 16-bit numbers only, and saves the work on padding; without it SDPA is next.
        half = dtype_of(options, device) != "float32"
        return "flash_attention_2" if flash and half and device.startswith("cuda") else "sdpa"
    if options.attention == "flash_attention_2":
        if not flash:
            raise BadSetting("EMBED_ATTENTION", options.attention, "the package flash-attn is not installed")
        if not device.startswith("cuda"):
            raise BadSetting("EMBED_ATTENTION", options.attention, "it runs on a GPU only")
        if dtype_of(options, device) == "float32":
            raise BadSetting("EMBED_ATTENTION", options.attention, "it needs EMBED_DTYPE bfloat16 or float16")
    return options.attention


def dtype_of(options: EmbedOptions, device: str) -> str:
    if options.dtype != "auto":
        return options.dtype
    return "bfloat16" if device.startswith("cuda") else "float32"


def load(kind: str, folder: Path, options: EmbedOptions, device: str) -> Any:
    """Return the model of a folder by the transformers class `kind`, ready to be asked.

    Raises BadSetting, and Unavailable("model_broken") when the folder holds no such model.
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    attention = attention_of(options, device)
    more: dict[str, Any] = {}
    if options.quant != "none":
        more["quantization_config"] = _quantised(options, device)
        more["device_map"] = {"": device}
    try:
        model: Any = getattr(transformers, kind).from_pretrained(
            folder,
            dtype=getattr(torch, dtype_of(options, device)),
            attn_implementation=attention,
            local_files_only=True,
            trust_remote_code=False,
            **more,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise Unavailable("model_broken", model=folder.name) from error
    if options.quant == "none":
        model = model.to(device)
    return model.eval()


def tokenizer(folder: Path, side: str) -> Any:
    """Return the tokenizer of a folder, padding on `side`. Raises Unavailable("model_broken")."""
    import transformers

    try:
        found: Any = transformers.AutoTokenizer.from_pretrained(
            folder, padding_side=side, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable("model_broken", model=folder.name) from error
    if found.pad_token is None:
        found.pad_token = found.eos_token  # masked away, so any token would do
    return found


def sound(text: str) -> str:
    """Replace halves of characters, which JSON can carry and tokenizers refuse."""
    return text.encode("utf-8", "replace").decode()


def _quantised(options: EmbedOptions, device: str) -> Any:
    if importlib.util.find_spec("bitsandbytes") is None:
        raise BadSetting("EMBED_QUANT", options.quant, "the package bitsandbytes is not installed")
    if not device.startswith("cuda"):
        raise BadSetting("EMBED_QUANT", options.quant, "quantised models run on a GPU only")
    import torch
    import transformers

    if options.quant == "8bit":
        return transformers.BitsAndBytesConfig(load_in_8bit=True)
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=getattr(torch, dtype_of(options, device))
    )
