"""What is written in a picture, English and Chinese, by RapidOCR: PP-OCRv4's three small networks on the CPU.

The weights (15 MB) are inside the package. Blocking, for one thread at a time; it reads pictures that have been decoded
and encoded anew by somebody else (infra/readers), and runs in a process apart all the same.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

MOST_SIDE = 2_000  # pixels; larger pictures are made smaller
DETECTED = 1_280  # pixels at which lines are looked for; what stands in them is read of the picture as it is
# How far a box is drawn beyond its line. At the package's 1.6 the spaces of English get lost: of made-up pictures 7 %
# of the signs were wrong, at 2.4 it is 1.3 % (Chinese: 2.4 and 1.7 %), and quicker.
ROOM = 2.4
MOST_BOXES = 600  # lines of writing in one picture; a page of a newspaper has 300
SURE = 0.5  # mean probability of the signs of a line, below which it is no writing
_SAME_LINE = 0.5  # of the lower one's height, by which two boxes overlap

Box = tuple[float, float, float, float, str]  # left, top, right, bottom, text


class Ocr:
    def __init__(self, threads: int) -> None:
        import cv2
        from rapidocr_onnxruntime import RapidOCR

        cv2.setNumThreads(0)  # else it starts one per core, for a tenth of the work
        self._engine: Any = RapidOCR(
            intra_op_num_threads=threads, inter_op_num_threads=1, max_side_len=MOST_SIDE, text_score=SURE,
            det_limit_type="max", det_limit_side_len=DETECTED, det_unclip_ratio=ROOM,
        )  # fmt: skip
        self._engine(np.full((64, 256, 3), 255, np.uint8))  # the first run allocates

    def read(self, jpeg: bytes) -> str:
        """Return the writing in reading order, a line of the picture per line."""
        from PIL import Image

        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
            pixels = np.asarray(image.convert("RGB"))[:, :, ::-1]
        found, _ = self._engine(np.ascontiguousarray(pixels))
        return in_order([_box(corners, text) for corners, text, _ in (found or [])[:MOST_BOXES]])


def _box(corners: Sequence[Sequence[float]], text: str) -> Box:
    across, down = [x for x, _ in corners], [y for _, y in corners]
    return min(across), min(down), max(across), max(down), text


def in_order(boxes: Sequence[Box]) -> str:
    """Join boxes that stand beside each other to lines, from the top down; a gap between paragraphs is a blank line."""
    lines: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: box[1] + box[3]):
        for line in reversed(lines[-3:]):
            if _beside(line[-1], box):
                line.append(box)
                break
        else:
            lines.append([box])
    said: list[str] = []
    bottom = 0.0
    for line in lines:
        line.sort()
        top, end = min(box[1] for box in line), max(box[3] for box in line)
        if said and top - bottom > 1.0 * (end - top):
            said.append("")
        said.append(" ".join(box[4].strip() for box in line))
        bottom = end
    return "\n".join(said)


def _beside(one: Box, other: Box) -> bool:
    overlap = min(one[3], other[3]) - max(one[1], other[1])
    return overlap > _SAME_LINE * min(one[3] - one[1], other[3] - other[1])
