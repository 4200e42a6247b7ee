"""Figures look the same whatever the user's settings of matplotlib are."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any


@contextlib.contextmanager
def own_settings(style: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Matplotlib's defaults and `style` hold inside the `with` block or the decorated function.

    A user's matplotlibrc, settings made before, and MPLBACKEND have no influence. No backend is
    needed: figures are written to files.
    """
    matplotlib = _matplotlib()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"text.parse_math": False, **(style or {})})
        yield


def _matplotlib() -> Any:
    """Imports matplotlib without the backend of a notebook, which may not be installed."""
    backend = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    return matplotlib
