"""A figure that a notebook shows."""

import io

from matplotlib.figure import Figure

from rcjax.plotting.settings import own_settings


class Picture(Figure):
    """A matplotlib figure that a notebook shows once, whatever its backend.

    pyplot does not know of it, so that no cell shows it a second time by itself.
    """

    def _repr_png_(self) -> bytes:
        target = io.BytesIO()
        with own_settings():
            self.savefig(target, format="png", dpi=100, bbox_inches="tight")
        return target.getvalue()
