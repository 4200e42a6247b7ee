"""Prepares CIFAR-10, CIFAR-100 and SVHN as NumPy arrays, and reads what is prepared.

    python -m rcjax.data.prepare cifar10
    python -m rcjax.data.prepare cifar10 --archive=cifar-10-binary.tar.gz --data_dir=DIR

The first form downloads the original archive; the second takes one that was downloaded by hand and
needs no network. Folders that tensorflow-datasets prepared are read as well.
"""

from rcjax.data.prepare.array_cache import cache_path, data_root, read_cache
from rcjax.data.prepare.preparing import load_prepared, main, prepare
from rcjax.data.prepare.tfds_folder import (
    check_format,
    check_record_counts,
    is_prepared,
    stock_builder,
)

__all__ = [
    "cache_path", "check_format", "check_record_counts", "data_root", "is_prepared",
    "load_prepared", "main", "prepare", "read_cache", "stock_builder",
]  # fmt: skip
