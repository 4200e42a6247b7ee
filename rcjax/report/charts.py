"""What a figure is before it is drawn: panels, legends, a caption made from the data."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from rcjax.plotting import Key, Legend, add_legends, panels, save_figure, style, to_svg
from rcjax.report import words
from rcjax.report.drawing import MARKERS, ordered_colour
from rcjax.report.grouping import axes_of, is_number, levels, same
from rcjax.statistics import Row

Hints = dict[str, Sequence[str]]

_COLOURED_LEVELS = 6  # more values than this share a scale of colours
_TICKS = 6
_LONGEST_FILE_NAME = 100


@dataclass(frozen=True)
class Panel:
    """One pair of axes: `draw` draws on them and returns what its marks say when pointed at."""

    title: str
    description: str  # in words, for who does not see it
    draw: Callable[[Axes], Hints]


@dataclass(frozen=True)
class Chart:
    """A figure: one file for a paper, and in the page one picture for each panel."""

    name: str  # of the file, without suffix
    caption: str
    panels: tuple[Panel, ...]
    legends: tuple[Legend, ...] = ()
    height: float = 2.5  # inches, of a row of panels
    columns: int = 3

    def write(self, folder: Path) -> None:
        """Writes the figure as PDF and PNG."""
        with style():
            figure, axes = panels(len(self.panels), height=self.height, columns=self.columns)
            for own, panel in zip(axes, self.panels, strict=True):
                panel.draw(own)
                if len(self.panels) > 1 and panel.title:
                    own.set_title(panel.title, loc="left")
            add_legends(figure, self.legends)
            save_figure(figure, folder, self.name)

    def pictures(self) -> list[tuple[Panel, Markup]]:
        """Every panel with its SVG element, drawn at the width of a column."""
        drawn = []
        for number, panel in enumerate(self.panels):
            with style():
                figure, (axes,) = panels(1, height=self.height)
                hints = panel.draw(axes)
                identifier = re.sub(r"[^a-z0-9]+", "-", f"{self.name}-{number}".lower())
                svg = to_svg(figure, identifier, panel.description, hints)
            drawn.append((panel, Markup(svg)))  # an XML writer escaped it
        return drawn


class Palette:
    """Colours by the first axis of the grid (learning rate), symbols by the second (batch size)."""

    def __init__(self, rows: Sequence[Row]) -> None:
        axes = axes_of(rows)
        self.colour_axis = axes[0] if axes else None
        self._coloured = levels(rows, axes[0]) if axes else []
        marked = levels(rows, axes[1]) if len(axes) > 1 else []
        self.marker_axis = axes[1] if 0 < len(marked) <= len(MARKERS) else None
        self._marked = marked if self.marker_axis else []

    def colour(self, settings: Mapping[str, Any]) -> str:
        if self.colour_axis is None:
            return ordered_colour(0.25)
        return self._level_colour(settings.get(self.colour_axis))

    def marker(self, settings: Mapping[str, Any]) -> str:
        if self.marker_axis is None:
            return MARKERS[0]
        return MARKERS[_place(self._marked, settings.get(self.marker_axis))]

    def level_colours(self) -> list[tuple[Any, str]]:
        """Every value of the coloured axis with its colour."""
        return [(value, self._level_colour(value)) for value in self._coloured]

    def legends(self, *, marker: str = "o", symbols: bool = True) -> tuple[Legend, ...]:
        """The legends of a scatter plot; `marker` "" for the legend of curves."""
        found = []
        if self.colour_axis is not None:
            shown = _some(self._coloured, _COLOURED_LEVELS)
            every = len(shown) == len(self._coloured)
            text = words.setting_value if every else _short
            title = words.field_name(self.colour_axis) + ("" if every else " (some values)")
            keys = tuple(Key(text(value), self._level_colour(value), marker) for value in shown)
            found.append(Legend(title, keys))
        if symbols and self.marker_axis is not None:
            keys = tuple(
                Key(words.setting_value(value), "#767676", MARKERS[place])
                for place, value in enumerate(self._marked)
            )
            found.append(Legend(words.field_name(self.marker_axis), keys))
        return tuple(found)

    def _level_colour(self, value: Any) -> str:
        places, _ = scale(self._coloured)
        low, high = min(places), max(places)
        if len(self._coloured) <= _COLOURED_LEVELS:  # evenly apart, to be told from each other
            return ordered_colour(_place(self._coloured, value) / max(1, len(places) - 1))
        return ordered_colour((places[_place(self._coloured, value)] - low) / ((high - low) or 1))


def scale(values: Sequence[Any]) -> tuple[list[float], list[tuple[float, str]]]:
    """Where the values of an axis lie, and the ticks that name them.

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
    return places, [(places[place], _short(values[place])) for place in named]


def _short(value: Any) -> str:
    return f"{value:.2g}" if isinstance(value, float) else words.setting_value(value)


def _place(values: Sequence[Any], value: Any) -> int:
    return next(place for place, other in enumerate(values) if same(other, value))


def _some(values: list[Any], most: int) -> list[Any]:
    """At most so many of the values, spread over all of them, the first and the last included."""
    if len(values) <= most:
        return values
    return [values[place] for place in np.linspace(0, len(values) - 1, most).round().astype(int)]


def file_names(prefix: str, names: Sequence[str]) -> dict[str, str]:
    """A file name for each name: letters, digits, "-", "_" and "." are kept, no two alike.

    >>> file_names("effect", ["a/b", "a b"])
    {'a/b': 'effect_a_b', 'a b': 'effect_a_b_2'}
    >>> [len(file) for file in file_names("effect", ["a" * 300, "a" * 301]).values()]
    [100, 102]
    """
    found: dict[str, str] = {}
    for name in names:
        plain = f"{prefix}_{re.sub(r'[^A-Za-z0-9_.-]+', '_', name).strip('.') or 'unnamed'}"
        plain = plain[:_LONGEST_FILE_NAME]  # file systems take 255 bytes, endings and all
        number, taken = 1, {other.lower() for other in found.values()}
        file = plain
        while file.lower() in taken:
            number += 1
            file = f"{plain}_{number}"
        found[name] = file
    return found
