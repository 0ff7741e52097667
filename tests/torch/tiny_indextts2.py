"""A whole IndexTTS2 with random weights: every network of the real one, as thin as its code allows.

The widths that stay large (1280, 1024) are written into the package. Where the package asks a hub for a model by its
name, the hub's cache is laid out as the image lays it out (functions/weights_cloud.py), and nothing is downloaded.
"""

# mypy: disable-error-code="import-not-found"

import json
from pathlib import Path
from typing import Any

from functions import weights_cloud

WIDTH, CODES, EMOTIONS = 64, 32, [2] * 8
COMMIT = "0" * 40
_CONDITION = {
    "output_size": WIDTH, "linear_units": WIDTH, "attention_heads": 4,
    "num_blocks": 1, "input_layer": "conv2d2", "perceiver_mult": 2,
}  # fmt: skip
_SPECTRUM = {"n_fft": 1024, "win_length": 1024, "hop_length": 256, "n_mels": 80, "fmin": 0, "fmax": "None"}
CONFIG: dict[str, Any] = {
    "dataset": {"bpe_model": "bpe.model"},
    "gpt": {
        "model_dim": 1280, "heads": 20, "layers": 1, "max_mel_tokens": 24, "max_text_tokens": 200,
        "use_mel_codes_as_input": True, "mel_length_compression": 1024, "number_text_tokens": 300,
        "number_mel_codes": CODES + 2, "start_mel_token": CODES, "stop_mel_token": CODES + 1,
        "start_text_token": 0, "stop_text_token": 1, "train_solo_embeddings": False,
        "condition_type": "conformer_perceiver", "condition_module": _CONDITION, "emo_condition_module": _CONDITION,
    },
    "semantic_codec": {
        "codebook_size": CODES + 2,  # an untrained GPT writes its marks in the middle of speech, and they are looked up
        "hidden_size": 1024, "codebook_dim": 8,
        "vocos_dim": 16, "vocos_intermediate_dim": 16, "vocos_num_layers": 1,
    },
    "s2mel": {
        "preprocess_params": {"sr": 22050, "spect_params": _SPECTRUM},
        "dit_type": "DiT", "reg_loss_type": "l1", "style_encoder": {"dim": 192},
        "length_regulator": {
            "channels": WIDTH, "is_discrete": False, "in_channels": 1024, "content_codebook_size": CODES,
            "sampling_ratios": [1, 1, 1, 1], "vector_quantize": False, "n_codebooks": 1,
            "quantizer_dropout": 0.0, "f0_condition": False, "n_f0_bins": 16,
        },
        "DiT": {
            "hidden_dim": WIDTH, "num_heads": 4, "depth": 2, "class_dropout_prob": 0.1, "block_size": 512,
            "in_channels": 80, "style_condition": True, "final_layer_type": "wavenet", "target": "mel",
            "content_dim": WIDTH, "content_codebook_size": CODES, "content_type": "discrete", "f0_condition": False,
            "n_f0_bins": 16, "content_codebooks": 1, "is_causal": False, "long_skip_connection": True,
            "zero_prompt_speech_token": False, "time_as_token": False, "style_as_token": False,
            "uvit_skip_connection": True, "add_resblock_in_transformer": False,
        },
        "wavenet": {
            "hidden_dim": WIDTH, "num_layers": 2, "kernel_size": 5,
            "dilation_rate": 1, "p_dropout": 0.2, "style_condition": True,
        },
    },
    "gpt_checkpoint": "gpt.pth", "w2v_stat": "wav2vec2bert_stats.pt", "s2mel_checkpoint": "s2mel.pth",
    "emo_matrix": "feat2.pt", "spk_matrix": "feat1.pt", "emo_num": EMOTIONS, "qwen_emo_path": "qwen/",
    "vocoder": {"type": "bigvgan", "name": "nvidia/bigvgan_v2_22khz_80band_256x"}, "version": 2.0,
}  # fmt: skip
SENTENCES = ["HELLO THERE, HOW ARE YOU? I AM WELL.", "你好，今天天气很好。", "ONE TWO THREE FOUR FIVE SIX SEVEN."] * 5


def build(folder: Path) -> Path:
    """Write the checkpoints and the hub's cache (folder/hub), some 700 MB; return the checkpoints."""
    import torch
    from indextts.gpt.model_v2 import UnifiedVoice
    from indextts.s2mel.modules.commons import MyModel
    from omegaconf import OmegaConf

    torch.manual_seed(7)
    out = folder / "checkpoints"
    out.mkdir()
    cfg = OmegaConf.create(CONFIG)
    OmegaConf.save(cfg, out / "config.yaml")
    torch.save(UnifiedVoice(**cfg.gpt).state_dict(), out / "gpt.pth")
    s2mel = MyModel(cfg.s2mel, use_gpt_latent=True).models
    torch.save({"net": {name: part.state_dict() for name, part in s2mel.items()}}, out / "s2mel.pth")
    torch.save({"mean": torch.zeros(1024), "var": torch.ones(1024)}, out / "wav2vec2bert_stats.pt")
    torch.save(torch.randn(sum(EMOTIONS), 1280), out / "feat2.pt")
    torch.save(torch.randn(sum(EMOTIONS), 192), out / "feat1.pt")
    _tokenizer(out)
    _emotion_reader(out / "qwen")
    _hub(folder / "hub", cfg)
    return out


def _tokenizer(out: Path) -> None:
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_prefix=str(out / "bpe"), vocab_size=80, model_type="bpe",
        character_coverage=1.0, bos_id=0, eos_id=1, unk_id=2, pad_id=-1, minloglevel=2,
    )  # fmt: skip


def _emotion_reader(out: Path) -> None:
    """The package loads it, and asks it only when the emotion shall be guessed from the text, which we never do."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    words = Tokenizer(models.WordLevel({"<unk>": 0, "<eos>": 1}, unk_token="<unk>"))
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<eos>").save_pretrained(out)
    thin = {"vocab_size": 16, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "head_dim": 8}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "bos_token_id": 0, "eos_token_id": 1}
    Qwen3ForCausalLM(Qwen3Config(**thin, **heads)).save_pretrained(out)


def _hub(hub: Path, cfg: Any) -> None:
    import torch
    from indextts.s2mel.modules.bigvgan import bigvgan
    from indextts.s2mel.modules.bigvgan.env import AttrDict
    from indextts.s2mel.modules.campplus.DTDNN import CAMPPlus
    from indextts.utils.maskgct_utils import build_semantic_codec
    from safetensors.torch import save_model
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertModel

    folders = {model.name: _snapshot(hub, model.repository) for model in weights_cloud.models("tts") if model.by_name}
    w2v = folders["w2v-bert"]
    SeamlessM4TFeatureExtractor(feature_size=80, num_mel_bins=80, sampling_rate=16_000, stride=2).save_pretrained(w2v)
    shape = Wav2Vec2BertConfig(
        hidden_size=1024, num_hidden_layers=17, num_attention_heads=4, intermediate_size=16,
        feature_projection_input_dim=160, conv_depthwise_kernel_size=3,
    )  # fmt: skip
    Wav2Vec2BertModel(shape).save_pretrained(w2v)
    codec = folders["maskgct-codec"] / "semantic_codec"
    codec.mkdir()
    save_model(build_semantic_codec(cfg.semantic_codec), str(codec / "model.safetensors"))
    voice = CAMPPlus(feat_dim=80, embedding_size=192)
    torch.save(voice.state_dict(), folders["campplus"] / "campplus_cn_common.bin")
    vocoder = json.loads(Path(bigvgan.__file__).with_name("config.json").read_text()) | {"upsample_initial_channel": 64}
    (folders["bigvgan"] / "config.json").write_text(json.dumps(vocoder))
    weights = {"generator": bigvgan.BigVGAN(AttrDict(vocoder)).state_dict()}
    torch.save(weights, folders["bigvgan"] / "bigvgan_generator.pt")


def _snapshot(hub: Path, repository: str) -> Path:
    base = hub / ("models--" + repository.replace("/", "--"))
    (base / "refs").mkdir(parents=True)
    (base / "refs" / "main").write_text(COMMIT)
    out = base / "snapshots" / COMMIT
    out.mkdir(parents=True)
    return out
