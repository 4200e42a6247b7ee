"""Connected components of grids of labels, on the device."""

from rcjax.regions.components.labelling import count_components, label_components

__all__ = [
    "count_components",
    "label_components",
]
