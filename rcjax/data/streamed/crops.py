"""The part of a picture that becomes an image: random for training, the middle for evaluation."""

import math

import numpy as np

from rcjax.data.decoding import Box

# What is usual for ImageNet: the middle 224 of 256 pixels of the shorter side; in training, parts
# of 8 to 100 % of the area whose sides are in a ratio of 3 : 4 to 4 : 3 (Szegedy et al. 2015).
_MIDDLE = 224 / 256
_AREAS = (0.08, 1.0)
_RATIOS = (3 / 4, 4 / 3)
_ATTEMPTS = 10


def middle(width: int, height: int) -> Box:
    """Returns the part on which a network is evaluated: a square of 7/8 of the shorter side.

    >>> middle(320, 160)
    (90.0, 10.0, 230.0, 150.0)
    """
    side = _MIDDLE * min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def random_part(random: np.random.Generator, width: int, height: int) -> Box:
    """Draws a part of random area, ratio of sides and place, to be resized to a square.

    The area is uniform between 8 and 100 % of the picture, the logarithm of the ratio of width to
    height uniform between those of 3/4 and 4/3. A draw that does not fit into the picture is
    repeated, ten times at most; after that it is the largest part in the middle with such a ratio.
    """
    narrowest, widest = map(math.log, _RATIOS)
    for _ in range(_ATTEMPTS):
        area = width * height * random.uniform(*_AREAS)
        ratio = math.exp(random.uniform(narrowest, widest))
        part = math.sqrt(area * ratio), math.sqrt(area / ratio)
        if part[0] <= width and part[1] <= height:
            left = random.uniform(0, width - part[0])
            top = random.uniform(0, height - part[1])
            return left, top, left + part[0], top + part[1]
    part = min(width, height * _RATIOS[1]), min(height, width / _RATIOS[0])
    left, top = (width - part[0]) / 2, (height - part[1]) / 2
    return left, top, left + part[0], top + part[1]
