"""Pictures by Pillow: the first frame or page, upright, without metadata, as JPEG of two sizes.

The larger one is read for what is written in it (functions/engines/ocr.py): small print is gone at 1024 pixels.
"""

import io
import warnings
from typing import Any

import msgspec
from PIL import Image, ImageOps

from domain.errors import BadInput
from domain.filing.model import Read
from infra.readers.heif import MOST_PIXELS, open_heif

SHOWN = 1024  # pixels of the longer side, for models and pages
FINE = 2000  # the most that the reader of writing looks at
FORMATS = {
    "image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/gif": "GIF", "image/bmp": "BMP",
    "image/tiff": "TIFF", "image/avif": "AVIF",
}  # fmt: skip
HEIC = "image/heic"


class Picture(msgspec.Struct, frozen=True):
    read: Read
    fine: bytes  # JPEG of at most FINE pixels, of which writing is read


def warm() -> None:
    """Set the bounds, and have the plug-ins of all formats loaded."""
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    Image.init()
    made = io.BytesIO()
    Image.new("RGB", (8, 8)).save(made, "PNG")
    read(made.getvalue(), "image/png")


def read(data: bytes, media_type: str) -> Picture:
    """Raises BadInput("picture_large", "picture_unknown"), and what Pillow raises of a broken one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oddities of TIFF and EXIF
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if media_type == HEIC:
                return of(open_heif(data), media_type)
            with Image.open(io.BytesIO(data), formats=[FORMATS[media_type]]) as image:
                return of(image, media_type)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, MemoryError) as wrong:
        raise BadInput("picture_large", most=MOST_PIXELS // 1_000_000) from wrong


def of(image: Any, media_type: str) -> Picture:
    """Return an open picture re-encoded."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise BadInput("picture_large", most=MOST_PIXELS // 1_000_000)
    image.draft("RGB", (FINE, FINE))  # a large JPEG is decoded at a half or a quarter
    image.load()
    image = _plain(image)
    image.thumbnail((FINE, FINE), reducing_gap=2.0)
    turned = _upright(image)
    if (turned.width > turned.height) != (image.width > image.height):
        width, height = height, width
    fine = _opaque(turned)
    shown = fine.copy()
    shown.thumbnail((SHOWN, SHOWN), reducing_gap=2.0)
    return Picture(
        Read(kind="image", media_type=media_type, image=jpeg(shown, 85), width=width, height=height), jpeg(fine, 90)
    )


def _plain(image: Any) -> Any:
    """Return it in a mode that can be made smaller well."""
    if image.mode in ("P", "PA", "LA", "1"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits and more: spread what there is
        image = image.convert("F")
        low, high = image.getextrema()
        return image.point(lambda value: value * (255.0 / max(high - low, 1e-9)) - low * 255.0 / max(high - low, 1e-9))
    return image


def _upright(image: Any) -> Any:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - EXIF that somebody broke says nothing of the picture
        return image


def _opaque(image: Any) -> Any:
    """Return it in RGB; what shines through shines on white."""
    if image.mode == "F":
        return image.convert("L").convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        image = white
    return image.convert("RGB")


def jpeg(image: Any, quality: int) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", image.size, image.tobytes()).save(out, "JPEG", quality=quality)  # pixels and nothing else
    return out.getvalue()
