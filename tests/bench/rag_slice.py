"""Writes tests/data/retrieval/vectors.npz: all pages and every tenth question, so that a test can rank without a model.

    python -m tests.bench.rag_slice
"""

from typing import get_args

import numpy as np
import numpy.typing as npt

from tests.bench.rag_data import SETS, CachedEncoder, Language, docs, questions

EVERY = 10


def main() -> None:
    encoder = CachedEncoder()
    rows: dict[str, npt.NDArray[np.int8]] = {}
    for language in get_args(Language):
        rows[f"{language}-docs"] = _bytes(encoder.encode([doc.text for doc in docs(language)], "passage"))
        some = [question.text for question in questions(language)[::EVERY]]
        rows[f"{language}-queries"] = _bytes(encoder.encode(some, "query"))
    np.savez_compressed(SETS / "vectors.npz", allow_pickle=False, **rows)


def _bytes(vectors: list[list[float]]) -> npt.NDArray[np.int8]:
    """A unit vector of 384 numbers in bytes: cosines are right to three places."""
    found = np.asarray(vectors)
    whole: npt.NDArray[np.int8] = np.rint(found / np.abs(found).max(axis=1, keepdims=True) * 127).astype(np.int8)
    return whole


if __name__ == "__main__":
    main()
