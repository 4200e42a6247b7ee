"""JPEG and PNG files to arrays: decoded, cropped and resized in one go."""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rcjax.errors import UserError
from rcjax.outside import one_line, open_regular

EXTENSIONS = (".jpg", ".jpeg", ".png")
_FORMATS = ("JPEG", "PNG")
# A file of half a megabyte can hold more than that, and take gigabytes; Pillow warns from here on.
LARGEST_PICTURE_PIXELS = 89_478_485
# Left, top, right, bottom in pixels, from the width and height of a picture.
Box = tuple[float, float, float, float]
# Modes of Pillow with more than 8 bits, which its conversion to RGB would cut off.
_DEEP_MODES = ("I", "F")


def decode(
    picture: Path | bytes, name: str, size: int, box_of: Callable[[int, int], Box]
) -> np.ndarray:
    """Decodes a picture and resizes a part of it.

    Args:
        picture: a file, or the bytes of one.
        name: what to call it when it cannot be decoded.
        size: pixels of a side of the result; 0 leaves the picture whole and as large as it is.
        box_of: the part that becomes the result, from the picture's width and height.

    Returns:
        uint8 `[size, size, 3]`, red, green, blue. Grey pictures have three equal channels,
        transparency is dropped. Large JPEGs are decoded at half, a quarter or an eighth of their
        size where that is still enough; a bilinear filter does the rest.

    Raises:
        UserError: no picture, or a damaged one; the line names it.
    """
    try:
        with io.BytesIO(picture) if isinstance(picture, bytes) else open_regular(picture) as file:
            return _part(file, size, box_of)
    # Pillow lets OSError, ValueError, SyntaxError and struct.error of its parsers through.
    except Exception as error:
        raise UserError(
            f"image {name} cannot be decoded ({one_line(error)}); replace it, or remove it"
        ) from error


def _part(file: BinaryIO, size: int, box_of: Callable[[int, int], Box]) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        # By its first bytes Pillow would hand a picture to any decoder, Ghostscript among them.
        opened = Image.open(file, formats=_FORMATS)
    except UnidentifiedImageError:
        raise ValueError("neither a JPEG nor a PNG, or cut short") from None
    with opened as image:
        width, height = image.size
        if width * height > LARGEST_PICTURE_PIXELS:
            raise ValueError(f"{width} x {height} pixels, more than {LARGEST_PICTURE_PIXELS:,}")
        if image.mode.startswith(_DEEP_MODES):
            raise ValueError(f"more than 8 bits a channel, Pillow's mode {image.mode}")
        if not size:
            return np.asarray(image.convert("RGB"))
        left, top, right, bottom = box_of(width, height)
        shrink = max(1.0, min(right - left, bottom - top) / size)
        image.draft("RGB", (math.ceil(width / shrink), math.ceil(height / shrink)))
        across, down = image.width / width, image.height / height
        return np.asarray(
            image.convert("RGB").resize(
                (size, size),
                Image.Resampling.BILINEAR,
                box=(left * across, top * down, right * across, bottom * down),
            )
        )
