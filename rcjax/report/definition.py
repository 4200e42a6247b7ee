"""The study itself in the report: its config, and the definition of the count in words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rcjax.report import words
from rcjax.report.time_spent import TimeSpent

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


@dataclass(frozen=True)
class CountDefinition:
    """The definition of a count: the fields of a run's section `regions` that decide it.

    A field that differs between the runs is `VARIED`; one that the count does not read is None.
    """

    dim: int | str
    points: int | str | None
    connectivity: str
    anchors: str
    sampling: str
    extent: tuple[float, ...] | str
    slices: int | str
    method: str
    length: float | str | None = None

    def stated(self) -> dict[str, Any]:
        """Returns the fields that the count reads, the best known first."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class About:
    """A study without its rows.

    Attributes:
        config: of the experiment, nested; may be empty.
        definition: of the count; None where it is unknown.
        variants: other definitions of the count: name -> the fields that differ.
        time: that its runs took; None where nobody noted it.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    definition: CountDefinition | None = None
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    time: TimeSpent | None = None

    @property
    def dataset(self) -> str:
        """The name of the data set, without folders; empty where it is unknown."""
        return str(self.config.get("dataset", "")).rstrip("/").rpartition("/")[2]

    def published(self) -> dict[str, Any]:
        """Returns the study as report.json holds it."""
        variants = {name: {"regions": changes} for name, changes in self.variants.items()}
        definition = self.definition.stated() if self.definition else {}
        time = {"seconds": self.time.published()} if self.time else {}
        return {"definition": definition, "variants": variants, **time, "config": self.config}


def sentences(definition: CountDefinition | None) -> list[str]:
    """Returns a paragraph for readers who do not know the config's fields."""
    found = [
        "A region is a largest connected set of points of a slice of input space that the network "
        "gives the same label. The region count of a network is the mean number of regions over "
        "its slices. These are not the linear regions of a piecewise linear network."
    ]
    if definition is None:
        return [*found, "How these counts were made was not recorded with them."]
    parts = (_slices(definition), _inputs(definition), _coordinates(definition))
    found.append("Here: " + "".join(parts) + ".")
    found.append(f"Method: {_METHODS[definition.method]}.")
    if definition.method != "exact":  # it has no points that could be neighbours
        on_segments = definition.dim == 1  # whatever the connectivity is called
        words_of = _ON_SEGMENTS if on_segments else _CONNECTIVITY[definition.connectivity]
        found.append(f"Connectivity: {words_of}.")
    if VARIED in definition.stated().values():
        found.append("What is varied differs between the runs, by an axis of the grid.")
    return found


def _slices(definition: CountDefinition) -> str:
    dim, slices = definition.dim, definition.slices
    kind = "slices of varied dimension"
    if dim != VARIED:
        kind = _SLICES.get(int(dim), f"simplices of dimension {dim}")
    return f"a varied number of {kind}" if slices == VARIED else f"{slices} {kind}"


def _inputs(definition: CountDefinition) -> str:
    dim, sampling = definition.dim, definition.sampling
    inputs = f"inputs of {_SETS[definition.anchors]}"
    if sampling == "between_points":
        return f" between {inputs}" if dim == VARIED else f" between {int(dim) + 1} {inputs}"
    if sampling == "random_convex_pairs":
        return f" between two random points of the segment that joins two {inputs}"
    return f" from {inputs} in {_SAMPLINGS[sampling]}"


def _coordinates(definition: CountDefinition) -> str:
    if definition.extent == VARIED:
        text = ", coordinates of varied extent"
    else:
        low, high = map(words.setting_value, definition.extent)
        text = f", coordinates from {low} to {high} (0 and 1: the inputs themselves)"
    if definition.points == VARIED:
        return text + ", a varied number of points on each axis"
    return text + (f", {definition.points} points on each axis" if definition.points else "")


def entries(definition: CountDefinition | None) -> list[tuple[str, str]]:
    """Returns every field of the definition with its value, the best known first."""
    stated = definition.stated() if definition else {}
    return [(words.field_name(name), words.setting_value(value)) for name, value in stated.items()]
