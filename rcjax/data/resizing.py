"""Other image sizes: the centre square of each image, made smaller or larger."""

import numpy as np


def centre_square(width: int, height: int) -> tuple[float, float, float, float]:
    """Returns the largest square in the middle of an image: left, top, right, bottom, in pixels."""
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def resize_images(images: np.ndarray, size: int) -> np.ndarray:
    """Resizes images to `size` x `size`, by Pillow's bilinear filter (which averages on the way
    down, so fine patterns do not alias). Of images that are not square, the middle is taken.

    Args:
        images: uint8 or float32 `[n, height, width, channels]`.
        size: pixels of a side, at least 1.

    Returns:
        `[n, size, size, channels]` of the type of `images`; the same array where nothing changes.

    Example:
        >>> import numpy as np
        >>> from rcjax.data.resizing import resize_images
        >>> resize_images(np.zeros((2, 32, 48, 3), np.uint8), 8).shape
        (2, 8, 8, 3)
    """
    from PIL import Image

    count, height, width, channels = images.shape
    if height == width == size:
        return images
    box = centre_square(width, height)
    resized = np.empty((count, size, size, channels), images.dtype)
    for number in range(count):
        # One channel at a time, so that any number of them will do.
        for channel in range(channels):
            plane = Image.fromarray(np.ascontiguousarray(images[number, :, :, channel]))
            smaller = plane.resize((size, size), Image.Resampling.BILINEAR, box=box)
            resized[number, :, :, channel] = smaller
    return resized
