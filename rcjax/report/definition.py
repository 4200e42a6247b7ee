"""The study itself in the report: its config, and the definition of the count in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rcjax.report import words
from rcjax.statistics import is_number

VARIED = "varied"  # in place of the value of a field that differs between the runs
_SLICES = {1: "segments", 2: "triangles", 3: "tetrahedra"}
_SETS = {"train": "the training set", "test": "the test set", VARIED: "a varied set"}
_SAMPLINGS = {"random_directions": "random directions", VARIED: "varied ways"}
_METHODS = {
    "grid": "labels on a regular grid, equal neighbours linked, connected components counted",
    "adaptive": "the regular grid's count at a higher resolution, refined where labels change",
    "exact": "the regions of the piecewise linear network itself, without a grid",
    VARIED: "varied",
}
_CONNECTIVITY = {
    "full": "points that touch, diagonally too, are neighbours",
    "face": "points next to each other along one axis are neighbours",
    VARIED: "varied",
}
_ON_SEGMENTS = "points next to each other on the segment are neighbours"
_ORDER = (
    "dim", "points", "connectivity", "anchors", "sampling", "extent", "slices", "method", "length",
)  # fmt: skip


@dataclass(frozen=True)
class About:
    """A study without its rows.

    Attributes:
        config: of the experiment, nested; may be empty.
        definition: of the count, the fields of the section `regions`; may be empty.
        variants: other definitions of the count: name -> the fields that differ.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def dataset(self) -> str:
        """The name of the data set, without folders; empty where it is unknown."""
        return str(self.config.get("dataset", "")).rstrip("/").rpartition("/")[2]

    def published(self) -> dict[str, Any]:
        """Returns the study as report.json holds it."""
        variants = {name: {"regions": changes} for name, changes in self.variants.items()}
        return {"definition": self.definition, "variants": variants, "config": self.config}


def sentences(definition: Mapping[str, Any]) -> list[str]:
    """Returns a paragraph for readers who do not know the config's fields."""
    found = [
        "A region is a largest connected set of points of a slice of input space that the network "
        "gives the same label. The region count of a network is the mean number of regions over "
        "its slices. These are not the linear regions of a piecewise linear network."
    ]
    if "dim" not in definition:
        return [*found, "How these counts were made was not recorded with them."]
    parts = (_slices(definition), _inputs(definition), _coordinates(definition))
    found.append("Here: " + "".join(parts) + ".")
    method = _METHODS.get(str(definition.get("method")))
    if method:
        found.append(f"Method: {method}.")
    connectivity = _connectivity(definition)
    if connectivity:
        found.append(f"Connectivity: {connectivity}.")
    if VARIED in definition.values():
        found.append("What is varied differs between the runs, by an axis of the grid.")
    return found


def _slices(definition: Mapping[str, Any]) -> str:
    dim, slices = definition["dim"], definition.get("slices")
    kind = "slices of varied dimension"
    if dim != VARIED:
        kind = _SLICES.get(int(dim), f"simplices of dimension {dim}")
    if slices == VARIED:
        return f"a varied number of {kind}"
    return f"{slices} {kind}" if is_number(slices) else kind


def _inputs(definition: Mapping[str, Any]) -> str:
    dim, anchors = definition["dim"], definition.get("anchors")
    if not anchors:
        return ""
    inputs = f"inputs of {_SETS.get(str(anchors), anchors)}"
    sampling = str(definition.get("sampling") or "between_points")
    if sampling == "between_points":
        return f" between {inputs}" if dim == VARIED else f" between {int(dim) + 1} {inputs}"
    if sampling == "random_convex_pairs":
        return f" between two random points of the segment that joins two {inputs}"
    return f" from {inputs} in {_SAMPLINGS.get(sampling, words.field_name(sampling))}"


def _coordinates(definition: Mapping[str, Any]) -> str:
    text = ""
    extent, points = definition.get("extent"), definition.get("points")
    if extent == VARIED:
        text += ", coordinates of varied extent"
    elif isinstance(extent, list | tuple) and len(extent) == 2:
        low, high = words.setting_value(extent[0]), words.setting_value(extent[1])
        text += f", coordinates from {low} to {high} (0 and 1: the inputs themselves)"
    if points == VARIED:
        text += ", a varied number of points on each axis"
    elif is_number(points):
        text += f", {points} points on each axis"
    return text


def _connectivity(definition: Mapping[str, Any]) -> str:
    if definition.get("method") == "exact":
        return ""  # it has no points that could be neighbours
    if definition["dim"] == 1:
        return _ON_SEGMENTS  # whatever it is called
    return _CONNECTIVITY.get(str(definition.get("connectivity")), "")


def entries(definition: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every field of the definition with its value, the best known first."""
    names = [name for name in _ORDER if name in definition]
    names += [name for name in definition if name not in names]
    return [(words.field_name(name), words.setting_value(definition[name])) for name in names]
