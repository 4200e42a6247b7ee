"""Pictures, drawn with matplotlib; importing this package does not import it."""

from rcjax.plotting.classes import colour_of
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
from rcjax.plotting.settings import own_settings
from rcjax.plotting.slices import draw_slice

__all__ = [
    "FAINT", "INK", "QUIET", "REGIONS", "TRIVIAL", "Key", "Legend", "add_legends", "colour_of",
    "draw_slice", "own_settings", "panels", "save_figure", "style", "to_svg",
]  # fmt: skip
