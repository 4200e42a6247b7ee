"""Figures before they are drawn: panels, legends, a caption made from the data."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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

    kind: str  # begins the name of the file
    subject: str  # ends it
    caption: str
    panels: tuple[Panel, ...]
    legends: tuple[Legend, ...] = ()
    height: float = 2.5  # inches, of a row of panels
    columns: int = 3
    name: str = ""  # of the file, without suffix; see `named`

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


def named(charts: Sequence[Chart]) -> list[Chart]:
    """The charts with names of files: letters, digits, "-", "_" and "." are kept, no two alike.

    >>> charts = [Chart("effect", subject, "", ()) for subject in ("a/b", "a b", "", "a" * 300)]
    >>> [chart.name[:12] for chart in named(charts)]
    ['effect_a_b', 'effect_a_b_2', 'effect', 'effect_aaaaa']
    """
    found: list[Chart] = []
    taken: set[str] = set()
    for chart in charts:
        subject = re.sub(r"[^A-Za-z0-9_.-]+", "_", chart.subject).strip(".")
        plain = f"{chart.kind}_{subject}" if subject else chart.kind
        plain = plain[:_LONGEST_FILE_NAME]  # file systems take 255 bytes, endings and all
        number, name = 1, plain
        while name.lower() in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name.lower())
        found.append(replace(chart, name=name))
    return found
