"""What a figure is before it is drawn: panels, legends, a caption made from the data."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from matplotlib.axes import Axes

from rcjax.plotting import Legend, add_legends, panels, save_figure, style, to_svg

Hints = dict[str, Sequence[str]]

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
