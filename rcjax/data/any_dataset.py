"""Data sets by name, whether they live in memory or stay on the disk."""

from typing import Any

from rcjax.data.dataset import Dataset
from rcjax.data.names import is_streamed
from rcjax.data.resident import load
from rcjax.data.streamed import ImageStream, open_stream

AnyDataset = Dataset | ImageStream


def load_or_open(name: str, **choices: Any) -> AnyDataset:
    """Loads a data set into memory, or opens one that stays on the disk.

    Args:
        name: as `load` or `open_stream` takes it.
        choices: the arguments that both take.

    Raises:
        UserError: as `load` and `open_stream`.
    """
    return open_stream(name, **choices) if is_streamed(name) else load(name, **choices)
