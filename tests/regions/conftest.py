"""The core promotes no dtype silently: float32 stays float32, whatever meets it."""

import jax
import pytest


@pytest.fixture(autouse=True)
def strict_dtypes():
    with jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture
def promotion_as_users_have_it(strict_dtypes):
    """For functions written as users write them: `x * (x > 0)`, `x - x.mean(axis=0)`."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(autouse=True, scope="module")
def compiled_quickly(quick_compilation: None) -> None:
    pass
