"""The inputs of a step: augmented, normalised images of a batch, and their labels."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rcjax.config import RunConfig
from rcjax.data import AnyDataset, augment, normalize
from rcjax.data.augmentation import MixedLabels, cutmix, erase, mixup
from rcjax.training.optimizer import Hyperparameters
from rcjax.training.state import TrainState

Labels = jax.Array | MixedLabels
_MIXING = {"mixup": mixup, "cutmix": cutmix}


class InputSettings(NamedTuple):
    """The augmentations that are compiled into an epoch; their strengths are arguments of a step.

    Attributes:
        mean, std: of pixel / 255, for each channel.
        random_crop, random_flip, random_erasing: which of them are on.
        mixing: "", "mixup" or "cutmix".
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    random_crop: bool = False
    random_flip: bool = False
    random_erasing: bool = False
    mixing: str = ""


class InputKeys(NamedTuple):
    """Keys of an epoch, or of a step of it.

    Attributes:
        moving: of crop and flip.
        others: of erasing and mixing.
    """

    moving: jax.Array
    others: jax.Array

    def of_step(self, number: jax.Array | int) -> "InputKeys":
        """Returns the keys of a step of the epoch by its number."""
        return InputKeys(*(jax.random.fold_in(key, number) for key in self))


def epoch_keys(state: TrainState) -> InputKeys:
    """Returns the keys of the epoch that a state stands at, or in. Another key gives the order."""
    epoch_key = jax.random.fold_in(state["key"], state["epoch"])
    _, moving_key = jax.random.split(epoch_key)
    return InputKeys(moving_key, jax.random.fold_in(epoch_key, 2))  # the split has 0 and 1


def strengths_of(config: RunConfig) -> dict[str, float]:
    """Returns the strengths of the augmentations that have one and are on, by field."""
    names = ("random_erasing", "mixup", "cutmix")
    return {name: float(getattr(config, name)) for name in names if getattr(config, name) > 0}


def input_settings_of(
    config: RunConfig, dataset: AnyDataset
) -> tuple[InputSettings, dict[str, float]]:
    """Returns a config's choices of inputs: the compiled ones, and the `hyperparameters`."""
    numbers = strengths_of(config)
    settings = InputSettings(
        mean=tuple(map(float, dataset.mean)),
        std=tuple(map(float, dataset.std)),
        random_crop=config.random_crop,
        random_flip=config.random_flip,
        random_erasing="random_erasing" in numbers,
        mixing=next((name for name in _MIXING if name in numbers), ""),
    )
    return settings, numbers


def training_inputs(
    settings: InputSettings,
    keys: InputKeys,
    images: jax.Array,
    labels: jax.Array,
    hyperparameters: Hyperparameters,
) -> tuple[jax.Array, Labels]:
    """Augments and normalises a batch: crop, flip, normalisation, erasing, mixing, in this order.

    Bytes are padded with black before they are cropped, as in the paper. Floating-point images, of
    which nobody knows what black is, are padded with the mean: they are normalised first.

    Args:
        settings: which augmentations are on.
        keys: of the step.
        images: uint8 or float32 `[n, height, width, channels]`.
        labels: int32 `[n]`.
        hyperparameters: float scalars by name; of augmentations that are on, "random_erasing" (the
            probability), "mixup" and "cutmix" (their alpha).

    Returns:
        Float images of the same shape, and their labels, mixed ones where images are.
    """
    moved = functools.partial(
        augment, keys.moving, random_crop=settings.random_crop, random_flip=settings.random_flip
    )
    constants = jnp.array(settings.mean), jnp.array(settings.std)
    if jnp.issubdtype(images.dtype, jnp.floating):
        batch = moved(normalize(images, *constants))
    else:
        batch = normalize(moved(images), *constants)
    erasing_key, mixing_key = jax.random.split(keys.others)
    if settings.random_erasing:
        batch = erase(erasing_key, batch, hyperparameters["random_erasing"])
    if settings.mixing:
        mix = _MIXING[settings.mixing]
        return mix(mixing_key, batch, labels, hyperparameters[settings.mixing])
    return batch, labels
