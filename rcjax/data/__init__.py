"""Data sets by name, as arrays; their normalisation; augmentation on the device."""

from rcjax.data.augmentation import augment as augment
from rcjax.data.dataset import Dataset as Dataset
from rcjax.data.loading import NAMES as NAMES
from rcjax.data.loading import load as load
from rcjax.data.names import check_name as check_name
from rcjax.data.names import is_streamed as is_streamed
from rcjax.data.normalization import normalize as normalize
from rcjax.data.opening import open_stream as open_stream
from rcjax.data.stream import ImageStream as ImageStream

AnyDataset = Dataset | ImageStream
