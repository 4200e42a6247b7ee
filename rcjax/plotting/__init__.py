"""Pictures, drawn with matplotlib; importing this package does not import it."""

from rcjax.plotting.slices import draw_slice as draw_slice

__all__ = ["draw_slice"]
