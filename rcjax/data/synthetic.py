"""Made-up images of CIFAR-10's shape, for quick runs and tests that must not need a download."""

import jax
import numpy as np

NUM_CLASSES = 10
TRAIN_EXAMPLES = 512
TEST_EXAMPLES = 256
_IMAGE_SIZE = 32
_BLOCK = 8  # a class pattern is made of 4 x 4 coloured blocks of this many pixels
_KEY_NUMBER = 2025  # fixed: the data never change, whatever the seed of a run


def load_synthetic() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Makes images that are the pattern of their class in equal parts with pixel noise.

    Labels run through the ten classes in turn. Only integers are drawn and added, so the arrays
    are the same on every device. A network learns them to high accuracy in a few epochs; what it
    reaches says nothing about real images.

    Returns:
        train_images uint8 `[512, 32, 32, 3]`, train_labels int32 `[512]`,
        test_images uint8 `[256, 32, 32, 3]`, test_labels int32 `[256]`.
    """
    # One draw for everything: compiling a random generator is most of the time this takes.
    shape = (NUM_CLASSES + TRAIN_EXAMPLES + TEST_EXAMPLES, _IMAGE_SIZE, _IMAGE_SIZE, 3)
    noise = np.asarray(jax.random.bits(jax.random.key(_KEY_NUMBER), shape, "uint8"))
    coarse, train_noise, test_noise = np.split(noise, [NUM_CLASSES, NUM_CLASSES + TRAIN_EXAMPLES])
    coarse = coarse[:, ::_BLOCK, ::_BLOCK]
    patterns = coarse.repeat(_BLOCK, axis=1).repeat(_BLOCK, axis=2)
    return *_examples(patterns, train_noise), *_examples(patterns, test_noise)


def _examples(patterns: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(len(noise), dtype=np.int32) % NUM_CLASSES
    return patterns[labels] // 2 + noise // 2, labels
