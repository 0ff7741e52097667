"""Parley's own app with scripted engines: `modal deploy -m tests.conformance.faces`.

The classes are those of functions/app.py, untouched; only their image is a small one that sets ENGINES=scripted.
"""

from functions import images
from tests.conformance.image import IMAGE

images.ASR = images.TTS = images.LLM = images.EMBED = IMAGE

from functions.app import app  # noqa: E402 - after the images are changed

__all__ = ["app"]
