"""Pictures, drawn with matplotlib; importing this package does not import it."""

from rcjax.plotting.publication import (
    FAINT,
    INK,
    QUIET,
    REGIONS,
    TRIVIAL,
    Key,
    Legend,
    add_legends,
    panels,
    save_figure,
    style,
    to_svg,
)
from rcjax.plotting.slices import draw_slice

__all__ = [
    "FAINT",
    "INK",
    "QUIET",
    "REGIONS",
    "TRIVIAL",
    "Key",
    "Legend",
    "add_legends",
    "draw_slice",
    "panels",
    "save_figure",
    "style",
    "to_svg",
]
