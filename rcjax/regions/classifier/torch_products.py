"""Keeps the bits of float32 in the products of PyTorch."""

import contextlib
from collections.abc import Iterator
from typing import Any

# Products by the library of PyTorch that computes them.
_PRODUCTS = {
    "cudnn": ("conv", "rnn"),
    "cuda": ("matmul",),
    "mkldnn": ("conv", "rnn", "matmul"),
}


@contextlib.contextmanager
def float32_products_of(torch: Any) -> Iterator[None]:
    """Inside, convolutions and matrix products of PyTorch are those of float32.

    By default cuDNN rounds the factors of a convolution to TensorFloat-32, and many trainings allow
    this, or bfloat16, to matrix products too. Labels then flicker near every boundary.

    Args:
        torch: the module.
    """
    backends = torch.backends
    with contextlib.ExitStack() as settings:
        if hasattr(backends, "fp32_precision"):
            for library, names in _PRODUCTS.items():
                for name in names:
                    product = getattr(getattr(backends, library), name)
                    settings.callback(setattr, product, "fp32_precision", product.fp32_precision)
                    product.fp32_precision = "ieee"
        else:  # older versions have one setting for all matrix products
            settings.callback(setattr, backends.cudnn, "allow_tf32", backends.cudnn.allow_tf32)
            backends.cudnn.allow_tf32 = False
            before = torch.get_float32_matmul_precision()
            settings.callback(torch.set_float32_matmul_precision, before)
            torch.set_float32_matmul_precision("highest")
        yield
