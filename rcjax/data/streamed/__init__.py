"""Data sets that stay on the disk: pictures are read and decoded as they are needed."""

from rcjax.data.streamed.image_stream import (
    Batch,
    Cropping,
    ImageStream,
    StreamedSplit,
    batches,
    decoded,
    epoch_order,
)
from rcjax.data.streamed.opening import open_stream
from rcjax.data.streamed.read_ahead import Readers

__all__ = [
    "Batch", "Cropping", "ImageStream", "Readers", "StreamedSplit", "batches", "decoded",
    "epoch_order", "open_stream",
]  # fmt: skip
