"""IndexTTS2: the real package, and every network of it, with random weights on the CPU. What it says is noise.

`make torch` runs these tests apart, with packages that no others see (tools/torch_speech.py says why). Where the
packages cannot be had they are skipped.
"""

import inspect
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from domain.audio import SPOKEN_RATE, Audio
from domain.errors import ParleyError
from domain.persona import Voice
from functions.engines import indextts2, sound
from functions.engines.indextts2 import IndexTts2
from functions.engines.setting import BadSetting
from functions.engines.style import PLAIN, Style

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch.jit, at the import of its dependencies
    indextts: Any = pytest.importorskip("indextts", reason="indextts2-inference 2.1.1 is not installed here")

# The package and what it stands on warn of their own futures; ours is to pin them.
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(900)]
HEART = Voice("heart")


def hum(hz: float, seconds: float = 1.2, rate: int = 24_000) -> Audio:
    at = np.arange(int(seconds * rate)) / rate
    return Audio.of((0.3 * np.sin(2 * np.pi * hz * at) * np.sin(9 * at)).astype(np.float32), rate)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    import torch

    from tests.torch import tiny_indextts2

    torch.set_num_threads(1)  # with two, each waits for the other on a machine that has other work
    folder = tmp_path_factory.mktemp("indextts2")
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "hub"))
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        for module in ("huggingface_hub.file_download", "transformers.utils.hub"):
            patch.setattr(f"{module}.constants.HF_HUB_CACHE", str(folder / "hub"))
        tiny_indextts2.build(folder)
        (folder / "clips").mkdir()
        clip = hum(180)
        soundfile.write(folder / "clips/heart.ogg", clip.samples(), clip.rate, format="OGG", subtype="OPUS")
        yield folder


@pytest.fixture(scope="module")
def engine(folder: Path) -> IndexTts2:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return IndexTts2(folder / "checkpoints", folder / "clips", "cpu")


def say(
    engine: IndexTts2, text: str = "Hello there.", voice: Voice | Audio = HEART, style: Style = PLAIN, seed: int = 3
) -> bytes:
    import torch

    torch.manual_seed(seed)
    made = list(engine.speak(text, voice, "en", threading.Event(), style))
    assert all(audio.rate == SPOKEN_RATE for audio in made)
    return b"".join(audio.pcm for audio in made)


class After(threading.Event):
    """Is set from the `count`th look on: stops a call at a known place, whatever the machine's speed."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.looks, self.count = 0, count

    def is_set(self) -> bool:
        self.looks += 1
        return self.looks > self.count


def test_the_package_has_what_the_adapter_calls() -> None:
    made = set(inspect.signature(indextts.IndexTTS2.__init__).parameters)
    assert {"model_dir", "device", "use_fp16", "use_cuda_kernel"} <= made
    says = inspect.signature(indextts.IndexTTS2.infer_generator).parameters
    ours = {"emo_audio_prompt", "emo_alpha", "emo_vector", "interval_silence", "stream_return"}
    assert ours <= set(says) and list(says)[1:4] == ["spk_audio_prompt", "text", "output_path"]
    assert says["generation_kwargs"].kind is inspect.Parameter.VAR_KEYWORD  # where sampling and stopping go in
    text = inspect.getsource(indextts.IndexTTS2.infer_generator)
    assert all(f'generation_kwargs.pop("{name}"' in text for name in ("temperature", "top_p", "top_k", "num_beams"))
    assert "sampling_rate = 22050" in text and indextts2.OWN_RATE == 22_050


def test_a_named_voice_speaks_in_clauses_and_leaves_no_file(
    engine: IndexTts2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indextts2, "MEMORY", tmp_path)  # whose folders are nobody else's
    stop = threading.Event()
    stream = engine.speak("Hello there, how are you?", HEART, "en", stop)
    first = next(stream)
    assert first.ms > 0
    assert len(list(tmp_path.iterdir())) == 1
    rest = list(stream)
    assert rest and all(audio.rate == SPOKEN_RATE for audio in rest)
    assert list(tmp_path.iterdir()) == []


def test_emotions_change_what_is_said_in_each_way_they_can_be_given(engine: IndexTts2) -> None:
    ways = [
        PLAIN,
        Style(emotion="happy"),
        Style(emotion="sad"),
        Style(emotion_vector=(0.1,) * 8),
        Style(emotion_audio=hum(400)),
        Style(emotion_audio=hum(400), emotion_strength=0.2),
    ]
    said = [say(engine, style=style) for style in ways]
    assert len(set(said)) == len(ways)
    say(engine, style=Style(emotion="happy"))  # the package reads the voice's emotion anew, which moves the dice on
    assert say(engine, style=Style(emotion="happy")) == said[1], "the same again, not noise alone"


def test_a_clip_is_imitated_and_the_next_clip_is_not_taken_for_it(engine: IndexTts2) -> None:
    one, other = say(engine, voice=hum(150)), say(engine, voice=hum(300, rate=16_000))
    assert one and other and one != other
    assert say(engine, voice=hum(150)) == one


def test_sampling_reaches_the_model(engine: IndexTts2) -> None:
    greedy = Style(top_k=1, temperature=0.1)
    assert say(engine, style=greedy) != say(engine)
    assert say(engine, style=Style(num_beams=2)) != say(engine)


def test_speed_shortens_and_lengthens(engine: IndexTts2, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "trim", lambda samples: samples)  # noise has quiet ends of any length
    fast, plain, slow = (len(say(engine, style=Style(speed=speed))) for speed in (2.0, 1.0, 0.5))
    assert fast < plain < slow
    assert len(say(engine, voice=Voice("heart", pace=2.0))) == fast
    assert len(say(engine)) == plain, "the speed of one call is not the next one's"


@pytest.mark.parametrize("looks", [0, 3, 40])
def test_a_stop_is_seen_within_one_step_of_the_model(engine: IndexTts2, looks: int) -> None:
    stop = After(looks)
    made = list(engine.speak("Hello there, how are you? I am well.", HEART, "en", stop))
    assert stop.looks == looks + 1, "the first look that says so is the last"
    assert sum(audio.ms for audio in made) <= 5_000
    assert say(engine), "the engine goes on"


@pytest.mark.parametrize(
    ("voice", "style", "code"),
    [
        (Voice("nobody"), PLAIN, "voice_unknown"),
        (HEART, Style(temperature=float("nan")), "sampling_bad"),
        (hum(150, seconds=0.3), PLAIN, "clip_short"),
        (HEART, Style(emotion="jolly"), "emotion_unknown"),
    ],
)
def test_what_cannot_be_said_is_refused_before_the_model_runs(
    engine: IndexTts2, voice: Voice | Audio, style: Style, code: str
) -> None:
    with pytest.raises(ParleyError, match=code):
        list(engine.speak("Hello.", voice, "en", After(0), style))


def test_folders_that_lack_something_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="TTS_MODEL"):
        IndexTts2(tmp_path, folder / "clips", "cpu")
    with pytest.raises(BadSetting, match="TTS_VOICES"):
        IndexTts2(folder / "checkpoints", tmp_path, "cpu")
