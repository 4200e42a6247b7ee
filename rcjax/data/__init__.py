"""Data sets by name, as arrays or streams; their normalisation; augmentation on the device."""

from rcjax.data.any_dataset import AnyDataset, load_or_open
from rcjax.data.augmentation import augment
from rcjax.data.dataset import Dataset
from rcjax.data.fingerprint import fingerprint
from rcjax.data.names import check_name, is_streamed
from rcjax.data.normalization import check_spread, normalize
from rcjax.data.randomness import Purpose, generator
from rcjax.data.resident import NAMES, load, with_draws
from rcjax.data.same_data import content_hash
from rcjax.data.streamed import ImageStream, open_stream

__all__ = [
    "NAMES", "AnyDataset", "Dataset", "ImageStream", "Purpose", "augment", "check_name",
    "check_spread", "content_hash", "fingerprint", "generator", "is_streamed", "load",
    "load_or_open", "normalize", "open_stream", "with_draws",
]  # fmt: skip
