"""English text to phonemes in misaki's alphabet, which Kokoro and hibari share (hibari-tts 0.2.1)."""

import json
import re
from pathlib import Path

_UNSPOKEN = re.compile(r"[^\w\s.,;:!?…—'\"“”‘’()$£€¥%&+=@/°-]")


class English:
    """The lexicons, read when this is made (about 0.3 s). Not for two threads at once."""

    def __init__(self, british: bool = False) -> None:
        import hibari.tts
        from hibari.g2p import G2P

        self._g2p = G2P(british=british)
        self._split = hibari.tts.Hibari.split_sentences
        self._vocab: dict[str, int] = json.loads((Path(hibari.tts.ASSETS) / "vocab.json").read_text("utf-8"))

    def phonemes(self, text: str) -> str:
        """Return phonemes with punctuation; an empty string when nothing in `text` is read."""
        said = [self._g2p(sentence) for sentence in self._split(_UNSPOKEN.sub(" ", text))]
        return " ".join(part for part in said if part and any(c.isalpha() for c in part))

    def ids(self, phonemes: str) -> list[int]:
        """Return token ids without the pads; what the model has no token for is left out."""
        return [self._vocab[c] for c in phonemes if c in self._vocab]
