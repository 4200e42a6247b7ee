"""Prepares CIFAR-10, CIFAR-100 and SVHN, and reads what is prepared, without TensorFlow.

    python -m rcjax.data.prepare cifar10
    python -m rcjax.data.prepare cifar10 --archive=cifar-10-binary.tar.gz --data_dir=DIR

The first form downloads the original archive; the second takes one that was downloaded by hand and
needs no network. The result is the directory that `tensorflow_datasets.data_source` reads.
"""

from rcjax.data.prepare.builders import check_format, is_prepared, stock_builder
from rcjax.data.prepare.preparing import main, prepare
from rcjax.data.prepare.reading import check_record_counts, load_prepared

__all__ = [
    "check_format",
    "check_record_counts",
    "is_prepared",
    "load_prepared",
    "main",
    "prepare",
    "stock_builder",
]
