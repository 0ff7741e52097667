"""A SenseVoiceSmall of the same architecture, some thousand times smaller, that was taught two clips by heart.

The files are those of the published model's folder: configuration.json, config.yaml, model.pt, the SentencePiece model
and the means and variances of the features.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from numpy.typing import NDArray

TAGS = (
    "zh en yue ja ko nospeech HAPPY SAD ANGRY NEUTRAL FEARFUL DISGUSTED SURPRISED EMO_UNKNOWN Speech BGM Applause "
    "Laughter Cry Sneeze Breath Cough Sing Speech_Noise Event_UNK withitn woitn"
).split()
BPE = "chn_jpn_yue_eng_ko_spectok.bpe.model"
CONFIG: dict[str, Any] = {
    "encoder": "SenseVoiceEncoderSmall",
    "encoder_conf": {
        "output_size": 64,
        "attention_heads": 2,
        "linear_units": 128,
        "num_blocks": 2,
        "tp_blocks": 1,
        "dropout_rate": 0.0,
        "positional_dropout_rate": 0.0,
        "attention_dropout_rate": 0.0,
        "input_layer": "pe",
        "pos_enc_class": "SinusoidalPositionEncoder",
        "normalize_before": True,
        "kernel_size": 11,
        "sanm_shfit": 0,
        "selfattention_layer_type": "sanm",
    },
    "model": "SenseVoiceSmall",
    "model_conf": {"length_normalized_loss": True, "sos": 1, "eos": 2, "ignore_id": -1},
    "tokenizer": "SentencepiecesTokenizer",
    "tokenizer_conf": {"bpemodel": None, "unk_symbol": "<unk>", "split_with_space": True},
    "frontend": "WavFrontend",
    "frontend_conf": {
        "fs": 16000,
        "window": "hamming",
        "n_mels": 80,
        "frame_length": 25,
        "frame_shift": 10,
        "lfr_m": 7,
        "lfr_n": 6,
        "cmvn_file": None,
    },
}
WIDTH = 80 * 7
Clip = tuple[NDArray[Any], str]  # samples at 16 kHz, and the raw text that they shall give


def build(folder: Path, clips: Sequence[Clip], steps: int = 100) -> None:
    """Write a model folder whose model answers each clip with its text, whatever the language asked for."""
    import funasr  # noqa: F401 - fills the tables
    import sentencepiece
    from funasr.register import tables

    folder.mkdir(exist_ok=True)
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(text.split("|>")[-1] for _, text in clips) + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(folder / "bpe"),
        model_type="word",  # whole words: a few steps teach them, where letters would take hundreds
        vocab_size=100,
        hard_vocab_limit=False,
        character_coverage=1.0,
        user_defined_symbols=[f"<|{tag}|>" for tag in TAGS],
        minloglevel=2,
    )
    (folder / "bpe.model").rename(folder / BPE)
    files = {"init_param": "model.pt", "config": "config.yaml"}
    nested = {"tokenizer_conf": {"bpemodel": BPE}, "frontend_conf": {"cmvn_file": "am.mvn"}}
    (folder / "configuration.json").write_text(json.dumps({"file_path_metas": {**files, **nested}}))
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    torch.manual_seed(0)
    torch.set_num_threads(1)  # for tensors this small the threads' barriers take most of the time
    _write_means(folder / "am.mvn", clips)
    words = sentencepiece.SentencePieceProcessor(model_file=str(folder / BPE))
    model = tables.model_classes["SenseVoiceSmall"](
        input_size=WIDTH,
        vocab_size=words.get_piece_size(),
        encoder=CONFIG["encoder"],
        encoder_conf=CONFIG["encoder_conf"],
        **CONFIG["model_conf"],
    )
    _teach(model, _frontend(folder / "am.mvn"), words, clips, steps)
    torch.save(model.state_dict(), folder / "model.pt")


def _frontend(means: Path | None) -> Any:
    from funasr.register import tables

    settings = {**CONFIG["frontend_conf"], "cmvn_file": means and str(means), "dither": 0.0}
    return tables.frontend_classes["WavFrontend"](**settings)


def _features(frontend: Any, samples: NDArray[Any]) -> Any:
    return frontend(torch.from_numpy(samples)[None], torch.tensor([len(samples)]))[0]


def _write_means(file: Path, clips: Sequence[Clip]) -> None:
    """Write what brings the features to mean 0 and variance 1, in Kaldi's format."""
    seen = torch.cat([_features(_frontend(None), samples)[0] for samples, _ in clips])
    shift, scale = (" ".join(f"{value:.4f}" for value in row) for row in (-seen.mean(0), 1 / (seen.std(0) + 0.1)))
    rows = ("<AddShift>", f"<LearnRateCoef> 0 [ {shift} ]", "<Rescale>", f"<LearnRateCoef> 0 [ {scale} ]")
    file.write_text("\n".join(rows) + "\n")


def _teach(model: Any, frontend: Any, words: Any, clips: Sequence[Clip], steps: int) -> None:
    """Overfit: the four tags by cross entropy at the four queries, the words by CTC, as the model was trained."""
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    examples = []
    for samples, text in clips:
        features = _features(frontend, samples)
        tags = [words.piece_to_id(f"{tag}|>") for tag in text.split("|>")[:4]]
        examples.append((features, torch.tensor(tags), torch.tensor(words.encode(text.split("|>")[-1]))))
    for step in range(steps):
        loss = torch.zeros(())
        for features, tags, spoken in examples:
            asked = (0, 3, 4)[step % 3]  # auto, zh, en
            queries = model.embed(torch.tensor([[asked, 1, 2, 14]]))
            inputs = torch.cat((queries, features), dim=1)
            hidden, lengths = model.encoder(inputs, torch.tensor([inputs.shape[1]]))
            logits = model.ctc.ctc_lo(hidden)
            loss = loss + torch.nn.functional.cross_entropy(logits[0, :4], tags)
            loss = loss + torch.nn.functional.ctc_loss(
                logits[:, 4:].log_softmax(-1).transpose(0, 1), spoken[None], lengths - 4, torch.tensor([len(spoken)])
            )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
