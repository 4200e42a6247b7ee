"""Colours, names and legends of classes."""

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

ClassNames = Sequence[str] | Mapping[Any, str]

_COLOURS = (
    "#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2",
    "#eeca3b", "#b279a2", "#ff9da6", "#9d755d", "#bab0ac",
)  # fmt: skip
_HUES = 20
_TONES = ((0.85, 0.75), (0.5, 0.9), (0.95, 0.5), (0.35, 0.65), (0.7, 0.95))
_SHOWN = 20


def colour_of(label: int) -> str:
    """The colour of a class: the same in every picture, and another for each of 100 classes."""
    number = int(label) if label >= 0 else 100 - int(label)
    if number < len(_COLOURS):
        return _COLOURS[number]
    # Neighbours differ in tone first, and by a fifth of the circle of hues.
    turn, tone = divmod(number, len(_TONES))
    hue = (turn / _HUES + tone / len(_TONES)) % 1
    parts = colorsys.hsv_to_rgb(hue, *_TONES[tone])
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def names_of(
    labels: np.ndarray, class_names: ClassNames | None, own_names: Mapping[int, Any] | None
) -> list[str]:
    """Returns the names of the classes in a picture.

    Args:
        labels: int `[classes]`, those in the picture.
        class_names: names of the labels 0 .. K - 1 in their order, or {label: name}; the labels
            themselves where None, and where a mapping does not know them.
        own_names: {label: what the classifier calls it}, of a classifier on the host that returns
            names; a mapping is asked for these.

    Raises:
        ValueError: a sequence of names, and labels that it has no place for.
    """
    known = [(own_names or {}).get(int(label), int(label)) for label in labels]
    if class_names is None:
        return [str(label) for label in known]
    if isinstance(class_names, Mapping):
        return [str(class_names.get(label, label)) for label in known]
    count = len(class_names)
    strange = [label for label in known if not (isinstance(label, int) and 0 <= label < count)]
    if strange or isinstance(class_names, str):
        what = f"label {strange[0]!r}" if strange else "a single text"
        raise ValueError(
            f"class_names names the labels 0 to {count - 1} in their order, got {what}; pass a "
            "mapping {label: name}"
        )
    return [str(class_names[label]) for label in known]


def add_legend(axes: Any, labels: np.ndarray, names: Sequence[str]) -> None:
    """Draws a legend of classes beside the axes; one that is cut says how many are left out."""
    from matplotlib.patches import Patch

    patches = [
        Patch(color=colour_of(label), label=name)
        for label, name in list(zip(labels, names, strict=True))[:_SHOWN]
    ]
    if len(names) > _SHOWN:
        patches.append(Patch(color="none", label=f"and {len(names) - _SHOWN} more"))
    axes.legend(
        handles=patches, title="label", loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False
    )
