"""Keeps the bits of float32 in the products of PyTorch."""

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def float32_products_of(torch: Any) -> Iterator[None]:
    """Inside, convolutions and matrix products of PyTorch are those of float32.

    By default cuDNN rounds the factors of a convolution to TensorFloat-32, and many trainings allow
    this, or bfloat16, to matrix products too. Labels then flicker near every boundary.

    Args:
        torch: the module.
    """
    with contextlib.ExitStack() as settings:
        for holder, name, full in _settings(torch.backends):
            settings.callback(setattr, holder, name, getattr(holder, name))
            setattr(holder, name, full)
        yield


def _settings(backends: Any) -> Iterator[tuple[Any, str, object]]:
    """What holds a setting, its name, and its value for float32."""
    if not hasattr(backends, "fp32_precision"):  # before PyTorch 2.9
        yield backends.cudnn, "allow_tf32", False
        yield backends.cuda.matmul, "allow_tf32", False
        return
    for library, operations in (("cudnn", "conv rnn"), ("cuda", "matmul"),
                                ("mkldnn", "conv rnn matmul")):  # fmt: skip
        for operation in operations.split():
            yield getattr(getattr(backends, library), operation), "fp32_precision", "ieee"
