"""What SenseVoice writes: words with tags among them for the language, the mood, the sounds and the spelling.

    <|zh|><|HAPPY|><|Speech|><|withitn|>今天真好。 <|en|><|NEUTRAL|><|Laughter|><|withitn|>Ha.

The first four tags of a stretch of speech come from four fixed outputs of the model; sounds may also stand between
words. The names are those of the model's own tokens.
"""

import re
from collections import Counter
from functools import reduce

import msgspec

from domain.persona import Language
from domain.ports import Transcript

TAG = re.compile(r"<\|([^<|>]*)\|>")
TORN = re.compile(r"<\||\|>")  # half a tag
NOBODY = "nospeech"
TONGUES = {"zh", "en", "yue", "ja", "ko", NOBODY}
EMOTIONS = {
    "HAPPY": "happy",
    "SAD": "sad",
    "ANGRY": "angry",
    "NEUTRAL": "neutral",
    "FEARFUL": "fearful",
    "DISGUSTED": "disgusted",
    "SURPRISED": "surprised",
}
SOUNDS = {
    "BGM": "music",
    "Applause": "applause",
    "Laughter": "laughter",
    "Cry": "crying",
    "Sneeze": "sneeze",
    "Breath": "breath",
    "Cough": "cough",
    "Sing": "singing",
    "Speech_Noise": "noise",
}
# Cantonese is written in Chinese characters; of Japanese and Korean the app knows nothing.
WRITTEN_AS: dict[str, Language] = {"zh": "zh", "yue": "zh", "en": "en"}
NO_SPACE = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


class Stretch(msgspec.Struct, frozen=True):
    """One stretch of speech: `tongue` is the model's name of the language, "" where it named none."""

    text: str
    tongue: str = ""
    emotion: str = ""
    sounds: tuple[str, ...] = ()


def parse(raw: str) -> list[Stretch]:
    """Return the stretches of a raw result. A tag that is not known is dropped, never shown."""
    stretches: list[Stretch] = []
    words: list[str] = []
    tongue, emotion, sounds = "", "", dict[str, None]()

    def close() -> None:
        text = reduce(joined, (" ".join(TORN.sub(" ", word).replace("\u2581", " ").split()) for word in words), "")
        if text or emotion or sounds or tongue:
            stretches.append(Stretch("" if tongue == NOBODY else text, tongue, emotion, tuple(sounds)))

    for index, piece in enumerate(TAG.split(raw)):
        if index % 2 == 0:
            words.append(piece)
        elif piece in TONGUES:  # every stretch begins with its language
            close()
            words, tongue, emotion, sounds = [], piece, "", {}
        elif piece in EMOTIONS:
            emotion = emotion or EMOTIONS[piece]
        elif piece in SOUNDS:
            sounds[SOUNDS[piece]] = None
    close()
    return stretches


def transcript(stretches: list[Stretch], expected: Language) -> Transcript:
    """Return the whole: its language and emotion are those of most of its words, its sounds are all of them."""
    tongues: Counter[Language] = Counter()
    emotions: Counter[str] = Counter()
    sounds = dict[str, None]()
    text = ""
    for each in stretches:
        text = joined(text, each.text)
        weight = len(each.text)
        if weight:
            tongues[WRITTEN_AS.get(each.tongue, expected)] += weight
        if each.emotion:
            emotions[each.emotion] += weight
        sounds.update(dict.fromkeys(each.sounds))
    language = tongues.most_common(1)[0][0] if tongues else expected
    emotion = emotions.most_common(1)[0][0] if emotions else ""
    return Transcript(text, language, emotion, tuple(sounds))


def foreign(stretches: list[Stretch]) -> bool:
    """Return whether something was heard as a language that the app does not know."""
    return any(each.text and each.tongue not in WRITTEN_AS for each in stretches)


def joined(before: str, after: str) -> str:
    """Join two pieces of text with a space, unless they meet in a script that has none."""
    if not before or not after:
        return before or after
    if NO_SPACE.match(before[-1]) or NO_SPACE.match(after[0]):
        return before + after
    return f"{before} {after}"
