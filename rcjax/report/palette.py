"""Colours, symbols and ticks for the values of hyperparameters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rcjax.plotting import Key, Legend
from rcjax.report import words
from rcjax.report.drawing import MARKERS, network_colour, ordered_colour
from rcjax.statistics import Axis, StudyRows, is_number

_COLOURED_LEVELS = 6  # more values than this share a scale of colours
_TICKS = 6


class Palette:
    """Colours by the first axis of the grid (learning rate), symbols by the second (batch size).

    Args:
        study: whose settings with numbers are drawn.
    """

    def __init__(self, study: StudyRows) -> None:
        axes = study.axes_with_numbers
        self.colour_axis = axes[0] if axes else None
        marked = axes[1] if len(axes) > 1 else None
        self.marker_axis = marked if marked and len(marked.levels) <= len(MARKERS) else None
        self.level_colours = _level_colours(self.colour_axis) if self.colour_axis else []
        self._networks = [network.name for network in study.networks if network.with_numbers]

    def colour(self, settings: Mapping[str, Any]) -> str:
        """Returns the colour of a setting."""
        if self.colour_axis is None:
            return ordered_colour(0.25)
        return self.level_colours[self.colour_axis.place(settings)]

    def marker(self, settings: Mapping[str, Any]) -> str:
        """Returns the symbol of a setting."""
        return MARKERS[self.marker_axis.place(settings) if self.marker_axis else 0]

    def network_colour(self, network: str) -> str:
        """Returns the colour of a network with numbers."""
        return network_colour(self._networks.index(network))

    def network_marker(self, network: str) -> str:
        """Returns the symbol of a network with numbers, which tells it apart without colours."""
        return MARKERS[self._networks.index(network) % len(MARKERS)]

    def network_legend(self, networks: Sequence[str]) -> tuple[Legend, ...]:
        """Returns the legend of several networks; none for a single one."""
        keys = tuple(
            Key(name, self.network_colour(name), self.network_marker(name)) for name in networks
        )
        return (Legend("network", keys),) if len(networks) > 1 else ()

    def legends(self, *, marker: str = "o", symbols: bool = True) -> tuple[Legend, ...]:
        """Returns the legends of a scatter plot; `marker` "" for the legend of curves."""
        found = []
        if self.colour_axis is not None:
            levels = self.colour_axis.levels
            shown = _spread(len(levels), _COLOURED_LEVELS)
            every = len(shown) == len(levels)
            text = words.setting_value if every else words.level
            title = words.field_name(self.colour_axis.name) + ("" if every else " (some values)")
            keys = [Key(text(levels[i]), self.level_colours[i], marker) for i in shown]
            found.append(Legend(title, tuple(keys)))
        if symbols and self.marker_axis is not None:
            levels = self.marker_axis.levels
            keys = [
                Key(words.setting_value(value), "#767676", MARKERS[place])
                for place, value in enumerate(levels)
            ]
            found.append(Legend(words.field_name(self.marker_axis.name), tuple(keys)))
        return tuple(found)


def _level_colours(axis: Axis) -> list[str]:
    """A colour for every level: evenly apart where they are few, to be told from each other."""
    if len(axis.levels) <= _COLOURED_LEVELS:
        return [ordered_colour(place / (len(axis.levels) - 1)) for place in range(len(axis.levels))]
    places = np.array(scale(axis.levels)[0])
    return [ordered_colour(float(share)) for share in (places - places.min()) / np.ptp(places)]


def scale(values: Sequence[Any]) -> tuple[list[float], list[tuple[float, str]]]:
    """Returns the places of an axis's values, and the ticks that name them.

    Positive numbers spanning a factor of 5 lie on a logarithmic scale, other numbers on a linear
    one, anything else at equal distances.
    """
    if all(is_number(value) and np.isfinite(value) for value in values) and values:
        logarithmic = min(values) > 0 and max(values) / min(values) >= 5
        places = [float(np.log10(value)) if logarithmic else float(value) for value in values]
    else:
        places = [float(place) for place in range(len(values))]
    if len(values) <= _TICKS:
        return places, [
            (place, words.setting_value(value)) for place, value in zip(places, values, strict=True)
        ]
    # Of many values a few are named, about equally far apart.
    targets = np.linspace(places[0], places[-1], _TICKS - 2)
    named = sorted({int(np.argmin(np.abs(np.array(places) - target))) for target in targets})
    return places, [(places[place], words.level(values[place])) for place in named]


def _spread(number: int, most: int) -> list[int]:
    """At most so many of the places, spread over all, the first and the last included."""
    if number <= most:
        return list(range(number))
    return [int(place) for place in np.linspace(0, number - 1, most).round()]
