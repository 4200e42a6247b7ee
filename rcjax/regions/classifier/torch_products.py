"""Keeps the bits of float32 in the products of PyTorch on a GPU."""

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def float32_products_of(torch: Any) -> Iterator[None]:
    """Inside, convolutions and matrix products of PyTorch on a GPU are those of float32.

    By default cuDNN rounds the factors of a convolution to TensorFloat-32, and many trainings allow
    this to matrix products too. Labels then flicker near every boundary.

    Args:
        torch: the module.
    """
    cudnn = torch.backends.cudnn
    with contextlib.ExitStack() as settings:
        # Settings made by PyTorch's newer interface cannot be read as one; who makes them chooses.
        with contextlib.suppress(RuntimeError):
            settings.callback(setattr, cudnn, "allow_tf32", cudnn.allow_tf32)
            cudnn.allow_tf32 = False
        with contextlib.suppress(RuntimeError):
            products = torch.get_float32_matmul_precision()
            settings.callback(torch.set_float32_matmul_precision, products)
            torch.set_float32_matmul_precision("highest")
        yield
