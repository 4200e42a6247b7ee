"""The data set that a run's config asks for."""

from typing import Any

from rcjax import data


def load_dataset(config: Any) -> data.Dataset:
    """Loads the data set of a run.

    Args:
        config: of the run, complete and checked; the fields that describe data are read.

    Raises:
        UserError: the data set cannot be had as asked for.
    """
    return data.load(
        config.dataset,
        data_dir=config.data_dir or None,
        train_examples=config.train_examples,
        seed=config.seed,
        label_noise=config.label_noise,
        image_size=config.image_size,
    )
