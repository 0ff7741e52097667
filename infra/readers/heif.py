"""HEIC, as telephones take it: the boxes are ours to read, the pictures in them FFmpeg's HEVC to decode (package `av`).

A telephone's picture is a grid of some 48 tiles, each a HEVC still; FFmpeg's own reader of the format leaves it to its
caller to put them together. Only what a photograph needs is read: the main item, alone or a grid, and how it is turned.
"""

from typing import Any

from PIL import Image

from domain.errors import BadInput
from infra.readers.heif_boxes import MOST_TILES, File, Item

MOST_PIXELS = 25_000_000  # of a picture as it comes; a telephone's have 12
_TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)  # to the left


def open_heif(data: bytes) -> Any:
    """Return the picture, upright. Raises BadInput("picture_large", "picture_unknown"), ValueError, IndexError."""
    file = File(data)
    main = file.items[file.main]
    width, height = file.size(main)
    if not 0 < width * height <= MOST_PIXELS:
        raise BadInput("picture_large", most=MOST_PIXELS // 1_000_000)
    if main.kind == b"grid":
        image = _grid(file, main, width, height)
    elif main.kind == b"hvc1":
        image = _still(file, main, width * height).crop((0, 0, width, height))
    else:
        raise BadInput("picture_unknown")
    return _turned(file, main, image)


def _grid(file: File, main: Item, width: int, height: int) -> Any:
    head = file.body(main)
    rows, columns = head[2] + 1, head[3] + 1
    if rows * columns != len(main.tiles) or rows * columns > MOST_TILES:
        raise ValueError("a grid without its tiles")
    first = file.items[main.tiles[0]]
    across, down = file.size(first)
    if across * columns < width or down * rows < height or across * columns * down * rows > 2 * MOST_PIXELS:
        raise ValueError("tiles of another size")
    whole = Image.new("RGB", (width, height))
    for at, tile in enumerate(main.tiles):
        still = _still(file, file.items[tile], across * down)
        whole.paste(still, (at % columns * across, at // columns * down))
    return whole


def _still(file: File, item: Item, pixels: int) -> Any:
    import av

    settings = file.property(item, b"hvcC")
    if item.kind != b"hvc1" or settings is None:
        raise BadInput("picture_unknown")
    codec: Any = av.CodecContext.create("hevc", "r")
    codec.extradata, codec.thread_count = settings, 1
    # What is coded may be a block larger than what is shown.
    codec.options = {"max_pixels": str(2 * pixels + (1 << 16))}
    try:
        frames = [*codec.decode(av.Packet(file.body(item))), *codec.decode(None)]
    except av.FFmpegError as wrong:
        raise ValueError("no still") from wrong
    return frames[0].to_image()


def _turned(file: File, item: Item, image: Any) -> Any:
    """Turn and mirror in the order in which the item has it."""
    for kind, body in file.properties_of(item):
        if kind == b"irot" and body[0] & 3:
            image = image.transpose(_TURNS[(body[0] & 3) - 1])
        elif kind == b"imir":
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT if body[0] & 1 else Image.Transpose.FLIP_TOP_BOTTOM)
    return image
