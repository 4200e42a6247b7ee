"""Data sets by name, as arrays; their normalisation; augmentation on the device."""

from rcjax.data.augmentation import augment as augment
from rcjax.data.dataset import Dataset as Dataset
from rcjax.data.loading import NAMES as NAMES
from rcjax.data.loading import check_name as check_name
from rcjax.data.loading import load as load
from rcjax.data.normalization import normalize as normalize
