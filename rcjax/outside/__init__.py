"""Files that others wrote: found and opened so that none can hang a command or flood its memory."""

from rcjax.outside.arrays import arrays_of
from rcjax.outside.files import check_regular, expanded, one_line, open_regular

__all__ = ["arrays_of", "check_regular", "expanded", "one_line", "open_regular"]
