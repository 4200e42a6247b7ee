"""The data set that a run's config asks for."""

from typing import Any

from rcjax import data


def load_dataset(config: Any) -> data.AnyDataset:
    """Loads the data set of a run, or opens the one that stays on the disk.

    Args:
        config: of the run, complete and checked; the fields that describe data are read.

    Raises:
        UserError: the data set cannot be had as asked for.
    """
    if data.is_streamed(config.dataset):
        return data.open_stream(config.dataset, **_choices(config))
    return load_resident(config)


def load_resident(config: Any) -> data.Dataset:
    """The same for data sets that live in memory."""
    return data.load(config.dataset, **_choices(config))


def _choices(config: Any) -> dict[str, Any]:
    return {
        "data_dir": config.data_dir or None,
        "train_examples": config.train_examples,
        "seed": config.seed,
        "label_noise": config.label_noise,
        "image_size": config.image_size,
        "normalization_mean": config.normalization_mean,
        "normalization_std": config.normalization_std,
    }
