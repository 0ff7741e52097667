"""The process that reads what is written in pictures. It is given JPEGs that infra/readers/child.py encoded."""

import sys

from functions.engines.ocr import Ocr
from infra.readers.asking import AskOcr, Written
from infra.shut_in import leave, serve


class _Reader:
    def __init__(self) -> None:
        self._ocr: Ocr | None = None

    def warm(self) -> None:
        # Before onnxruntime starts threads: what is left later is left by the one that leaves.
        leave(("/proc/cpuinfo", "/sys/devices/system/cpu"))
        self._ocr = Ocr(threads=int(sys.argv[4]))

    def answer(self, ask: AskOcr) -> Written:
        if self._ocr is None:
            return Written()
        try:
            return Written(self._ocr.read(ask.picture))
        except Exception:  # noqa: BLE001 - OpenCV and onnxruntime raise what they like
            return Written()


if __name__ == "__main__":
    reader = _Reader()
    serve(AskOcr, reader.answer, reader.warm, forks=False)  # onnxruntime has threads
