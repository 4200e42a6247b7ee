"""Augmentation of whole batches on the device, made to run inside a compiled training step."""

from rcjax.data.augmentation.crop_and_flip import (
    PADDING,
    Offsets,
    augment,
    crop_and_flip,
    draw_offsets,
)
from rcjax.data.augmentation.erasing import erase
from rcjax.data.augmentation.mixing import MixedLabels, cutmix, mixup

__all__ = [
    "PADDING", "MixedLabels", "Offsets", "augment", "crop_and_flip", "cutmix", "draw_offsets",
    "erase", "mixup",
]  # fmt: skip
