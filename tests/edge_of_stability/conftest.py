"""The compiler's quickest settings: nearly all of the time of these tests is compilation."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def compiled_quickly(quick_compilation: None) -> None:
    pass
