"""An fsmn-vad of the same architecture, far smaller, that takes whatever is loud for speech.

Its network always says "speech"; what it then calls silence is what its own loudness threshold says.
"""

import json
from pathlib import Path
from typing import Any

import torch
import yaml

CONFIG: dict[str, Any] = {
    "model": "FsmnVADStreaming",
    "model_conf": {
        "sample_rate": 16000,
        "detect_mode": 1,
        "max_end_silence_time": 800,
        "max_start_silence_time": 3000,
        "window_size_ms": 200,
        "sil_to_speech_time_thres": 150,
        "speech_to_sil_time_thres": 150,
        "lookback_time_start_point": 200,
        "lookahead_time_end_point": 100,
        "max_single_segment_time": 60000,
        "decibel_thres": -40.0,
        "speech_noise_thres": 0.6,
        "silence_pdf_num": 1,
        "sil_pdf_ids": [0],
        "frame_in_ms": 10,
        "frame_length_ms": 25,
    },
    "encoder": "FSMN",
    "encoder_conf": {
        "input_dim": 400,
        "input_affine_dim": 8,
        "fsmn_layers": 2,
        "linear_dim": 8,
        "proj_dim": 8,
        "lorder": 20,
        "rorder": 0,
        "lstride": 1,
        "rstride": 0,
        "output_affine_dim": 8,
        "output_dim": 16,
    },
    "frontend": "WavFrontendOnline",
    "frontend_conf": {
        "fs": 16000,
        "window": "hamming",
        "n_mels": 80,
        "frame_length": 25,
        "frame_shift": 10,
        "dither": 0.0,
        "lfr_m": 5,
        "lfr_n": 1,
        "cmvn_file": None,
    },
}


def build(folder: Path) -> None:
    """Write a model folder as the published one is laid out."""
    import funasr  # noqa: F401 - fills the tables
    from funasr.register import tables

    folder.mkdir(exist_ok=True)
    files = {"init_param": "model.pt", "config": "config.yaml"}
    (folder / "configuration.json").write_text(json.dumps({"file_path_metas": files}))
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    torch.manual_seed(0)
    model = tables.model_classes["FsmnVADStreaming"](
        encoder=CONFIG["encoder"], encoder_conf=CONFIG["encoder_conf"], **CONFIG["model_conf"]
    )
    with torch.no_grad():
        last = model.encoder.out_linear2.linear
        last.weight.zero_()
        last.bias.zero_()
        last.bias[0] = -20.0  # output 0 is silence
    torch.save(model.state_dict(), folder / "model.pt")
