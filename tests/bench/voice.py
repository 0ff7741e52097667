"""First and last sound with the real CPU engines: `make bench-voice`, or `python -m tests.bench.voice`.

Every question is spoken (by our own voices) in real time into a running server, over HTTP, with the
segments a browser would send. `hold`: the talk key is let go at the last voiced sample. `free`: hands
free, so the browser's endpoint (0.45 s of silence) is inside the figure. Times run from the last voiced
sample to the first (last) audio event at the client.
"""

import argparse
import asyncio
import os
import threading
from pathlib import Path

import aiohttp
import numpy as np

from domain.audio import HEARD_RATE, SPOKEN_RATE, Audio
from domain.persona import Language, Voice
from tests.bench.client import Caller, Heard
from tests.bench.server import Server, serving
from tests.bench.stats import percentile, table

QUESTIONS: dict[Language, tuple[str, ...]] = {
    "en": (
        "What is courage, do you think?",
        "I had a long and tiring day at work today.",
        "Can you tell me something about yourself?",
        "Why do people keep secrets from their friends?",
        "I would like to learn how to speak in public.",
        "What should I do when I can not decide?",
        "Do you think money makes people happy?",
        "My sister is getting married next month.",
        "How do you know that something is true?",
        "Thank you, that was very helpful.",
    ),
    "zh": (
        "你觉得什么是勇气？",
        "我今天工作很累，想休息一下。",
        "你能介绍一下你自己吗？",
        "为什么朋友之间会有秘密？",
        "我想学习怎么在别人面前说话。",
        "我不知道应该怎么选择。",
        "你觉得有钱就会快乐吗？",
        "我姐姐下个月要结婚了。",
        "你怎么知道一件事是真的？",
        "谢谢你，对我很有帮助。",
    ),
}
HEAD = (
    *("row", "turns", "failed", "first p50", "p95", "own words p50", "p95", "last p50", "p95"),
    *("asr ms", "token", "stall s", "audio s"),
)
TIMES = ("first_sound", "own_words", "last_sound")
SPEAKERS: dict[Language, Voice] = {"en": Voice("heart"), "zh": Voice("zf_xiaobei")}


def spoken(language: Language, folder: Path) -> list[Audio]:
    """Return the questions as 16 kHz speech that ends at its last voiced sample; made once and kept."""
    from tests.bench.voices import speaker  # loads the TTS engines

    folder.mkdir(parents=True, exist_ok=True)
    out, say = [], None
    for number, text in enumerate(QUESTIONS[language]):
        path = folder / f"{language}-{number}.pcm"
        if not path.exists():
            say = say or speaker()
            pcm = b"".join(a.pcm for a in say(text, SPEAKERS[language], language, threading.Event()))
            path.write_bytes(_trimmed(Audio(pcm, SPOKEN_RATE)).pcm)
        out.append(Audio(path.read_bytes(), HEARD_RATE))
    return out


def _trimmed(sound: Audio) -> Audio:
    import soxr

    samples = soxr.resample(sound.samples(), sound.rate, HEARD_RATE)
    loud = np.flatnonzero(np.abs(samples) > 0.02)
    return Audio.of(samples[: loud[-1] + 1].astype(np.float32), HEARD_RATE)


async def ask(
    server: Server, language: Language, character: str, questions: list[Audio], hands_free: bool, show: bool
) -> list[Heard]:
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(total=120), read_bufsize=2**20
    ) as http:
        caller = Caller(server.url, http)
        await caller.call(character, language)
        await caller.prepare()
        await asyncio.sleep(8)  # the greeting plays, the prompt is read
        heards = []
        for speech in questions:
            heard = await caller.speak(speech, hands_free)
            heards.append(heard)
            if show:
                print(f"  {heard.first_sound:.2f} {heard.own_words:.2f} {heard.receipt} {heard.said} {heard.failed}")
            await asyncio.sleep(1.5)
        return heards


async def cold(server: Server, language: Language, character: str, speech: Audio) -> Heard:
    """The very first turn: a page is opened and spoken to at once."""
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(total=180), read_bufsize=2**20
    ) as http:
        caller = Caller(server.url, http)
        await caller.call(character, language)
        await caller.prepare()
        return await caller.speak(speech, hands_free=False)


def report(rows: list[list[object]], name: str, heards: list[Heard]) -> None:
    good = [h for h in heards if h.first_sound]

    def phase(key: str, minus: str = "") -> str:
        values = [float(h.receipt[key]) - (float(h.receipt[minus]) if minus else 0) for h in good if h.receipt]
        return f"{percentile(values, 0.5):.0f}/{percentile(values, 0.95):.0f}"

    rows.append([
        name, len(good), len(heards) - len(good),
        *[f"{percentile([getattr(h, k) for h in good], q):.2f}" for k in TIMES for q in (0.5, 0.95)],
        phase("asr", "upload"), phase("first_token", "asr"),
        f"{percentile([h.stall_s for h in good], 0.5):.2f}/{percentile([h.stall_s for h in good], 0.95):.2f}",
        f"{percentile([h.audio_s for h in good], 0.5):.1f}",
    ])  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--models", default=os.environ.get("MODELS", "default"))
    options.add_argument("--languages", default="en,zh")
    options.add_argument("--modes", default="hold,free")
    options.add_argument("--character", default="socrates")
    options.add_argument("--turns", type=int, default=10)
    options.add_argument("--show", action="store_true", help="print every turn")
    a = options.parse_args()
    folder = Path("var/bench")
    rows: list[list[object]] = [list(HEAD)]
    speech = {language: spoken(language, folder) for language in a.languages.split(",")}
    with serving(folder / "data", MODELS=a.models) as server:
        print(f"MODELS={a.models}: first page {server.page_s:.2f} s, engines ready {server.ready_s:.2f} s")
        for language, questions in speech.items():
            report(rows, f"{language} cold", [asyncio.run(cold(server, language, a.character, questions[0]))])
            for mode in a.modes.split(","):
                heards = asyncio.run(ask(server, language, a.character, questions[: a.turns], mode == "free", a.show))
                report(rows, f"{language} {mode}", heards)
    print(table(rows))
    print("first: the opening; own words: what the model wrote after it; asr and token in ms, p50/p95")
    print(f"load at the end {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
