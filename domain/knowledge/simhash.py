"""A fingerprint that is near for texts that are near: 64 bits over the 4-grams of characters.

Characters rather than words, so that Chinese needs no segmentation. Bits that differ, of pairs made from the
development pages (tests/bench/rag_extract.py prints them): see SAME and NEAR.
"""

import re
import unicodedata
from hashlib import blake2b

SAME = 3  # bits: the text with another date, counter or comma
NEAR = 10  # bits: a word or a footer differs; texts that have nothing to do with each other are 20 and more apart
GRAM = 4
MOST = 200_000  # characters looked at
_NO_LETTERS = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Return the letters and digits of a text alone, width and case made alike."""
    return _NO_LETTERS.sub("", unicodedata.normalize("NFKC", text[:MOST]).casefold())


def simhash(text: str) -> int:
    """Return 64 bits, unsigned; 0 for a text without letters."""
    import numpy as np

    letters = fold(text)
    if not letters:
        return 0
    grams = [letters[at : at + GRAM] for at in range(max(1, len(letters) - GRAM + 1))]
    hashes = b"".join(blake2b(gram.encode("utf-8", "surrogatepass"), digest_size=8).digest() for gram in grams)
    bits = np.unpackbits(np.frombuffer(hashes, np.uint8).reshape(-1, 8), axis=1)
    return int.from_bytes(np.packbits(2 * bits.sum(axis=0, dtype=np.int64) > len(grams)).tobytes(), "big")


def distance(a: int, b: int) -> int:
    """Return how many of the 64 bits differ."""
    return (a ^ b).bit_count()
