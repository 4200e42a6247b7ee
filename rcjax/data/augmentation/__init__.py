"""Augmentation of whole batches on the device, made to run inside a compiled training step."""

from rcjax.data.augmentation.crop_and_flip import PADDING as PADDING
from rcjax.data.augmentation.crop_and_flip import Offsets as Offsets
from rcjax.data.augmentation.crop_and_flip import augment as augment
from rcjax.data.augmentation.crop_and_flip import crop_and_flip as crop_and_flip
from rcjax.data.augmentation.crop_and_flip import draw_offsets as draw_offsets
from rcjax.data.augmentation.erasing import erase as erase
from rcjax.data.augmentation.mixing import MixedLabels as MixedLabels
from rcjax.data.augmentation.mixing import cutmix as cutmix
from rcjax.data.augmentation.mixing import mixup as mixup
