"""The definition of the count that was used, in words."""

from collections.abc import Mapping
from typing import Any

from rcjax.study.report import words

_SLICES = {1: "segments", 2: "triangles", 3: "tetrahedra"}
_SETS = {"train": "training"}
_METHODS = {
    "grid": "labels on a regular grid, equal neighbours linked, connected components counted",
    "adaptive": "the regular grid's count at a higher resolution, refined where labels change",
    "exact": "the regions of the piecewise linear network itself, without a grid",
}
_CONNECTIVITY = {
    "full": "points that touch, diagonally too, are neighbours",
    "face": "points next to each other along one axis are neighbours",
}
_ORDER = (
    "dim", "points", "connectivity", "anchors", "sampling", "extent", "slices", "method", "length",
)  # fmt: skip


def sentences(definition: Mapping[str, Any]) -> list[str]:
    """A paragraph for readers who do not know the config's fields."""
    found = [
        "A region is a largest connected set of points of a slice of input space that the network "
        "gives the same label. The region count of a network is the mean number of regions over "
        "its slices. These are not the linear regions of a piecewise linear network."
    ]
    dim = definition.get("dim")
    if not words.known(dim):
        found.append("How these counts were made was not recorded with them.")
        return found
    slices = definition.get("slices")
    number = f"{slices} " if words.known(slices) else ""
    kind = _SLICES.get(int(dim), f"simplices of dimension {dim}")
    text = f"Here: {number}{kind}"
    anchors = definition.get("anchors")
    if definition.get("sampling") in (None, "between_points") and anchors:
        text += f" between {int(dim) + 1} inputs of the {_SETS.get(str(anchors), anchors)} set"
    elif definition.get("sampling") == "random_convex_pairs" and anchors:
        text += (
            " between two random points of the segment that joins two inputs of the "
            f"{_SETS.get(str(anchors), anchors)} set"
        )
    elif anchors:
        text += (
            f" from inputs of the {_SETS.get(str(anchors), anchors)} set in "
            f"{words.field_name(str(definition.get('sampling')))}"
        )
    extent = definition.get("extent")
    if isinstance(extent, list | tuple) and len(extent) == 2:
        low, high = words.setting_value(extent[0]), words.setting_value(extent[1])
        text += f", coordinates from {low} to {high} (0 and 1: the inputs themselves)"
    points = definition.get("points")
    if words.known(points):
        text += f", {points} points on each axis"
    found.append(text + ".")
    method = _METHODS.get(str(definition.get("method")))
    if method:
        found.append(f"Method: {method}.")
    connectivity = _connectivity(int(dim), definition.get("connectivity"))
    if connectivity:
        found.append(f"Connectivity: {connectivity}.")
    return found


def _connectivity(dim: int, name: Any) -> str:
    if dim == 1:
        return ""  # on a segment both are the same
    return _CONNECTIVITY.get(str(name or ("full" if dim == 2 else "face")), "")


def entries(definition: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every field of the definition with its value, the best known first."""
    names = [name for name in _ORDER if name in definition]
    names += [name for name in definition if name not in names]
    return [(words.field_name(name), words.setting_value(definition[name])) for name in names]
