"""One style for the figures of a study: files for a paper (PDF, PNG) and SVG for a page."""

import contextlib
import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rcjax.plotting.settings import own_settings

COLUMN_WIDTH, TEXT_WIDTH = 3.3, 6.8  # inches: one column of a two-column paper, and both
INK, QUIET, FAINT = "#222222", "#767676", "#c9c9c9"
REGIONS, TRIVIAL = "#2f4b8f", "#c05a1a"

_DOTS_PER_INCH = 300
_LEGEND_ROW = 0.14  # inches
_STYLE: dict[Any, Any] = {
    "pdf.fonttype": 42,  # TrueType outlines, which publishers ask for
    "svg.fonttype": "none",  # text stays text: searchable, and in the font of the page
    "svg.hashsalt": "rcjax",  # the same figure gives the same bytes
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
}
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # names may hold anything
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The style holds for everything that is drawn and saved inside the `with` block."""
    with own_settings(_STYLE):
        yield


def panels(count: int, *, height: float = 2.5, columns: int = 2) -> tuple[Figure, list[Axes]]:
    """Returns a figure of `count` panels: a column wide for one, as wide as the text for more.

    Args:
        count: of panels, at least 1.
        height: of a row, in inches.
        columns: at most so many panels beside each other.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    width = COLUMN_WIDTH if columns == 1 else TEXT_WIDTH
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[count:]:
        axes.axis("off")
    return figure, list(grid.flat[:count])


@dataclass(frozen=True)
class Key:
    """One entry of a legend: a mark, or a line without one."""

    label: str
    colour: str
    marker: str = "o"  # "" for a line


@dataclass(frozen=True)
class Legend:
    """Entries that belong together, such as the learning rates or the batch sizes."""

    title: str
    keys: tuple[Key, ...]


def add_legends(figure: Figure, legends: Sequence[Legend]) -> None:
    """Draws every legend as a row below the panels; long ones are broken into several rows.

    The figure grows by as much, so that the panels keep their height.
    """
    titles = _entry_width([legend.title for legend in legends])
    entries = _entry_width([key.label for legend in legends for key in legend.keys])
    width = max(1, int((figure.get_figwidth() - titles) / entries))
    rows: list[list[Artist]] = []
    for legend in legends:
        for start in range(0, len(legend.keys), width):
            title = legend.title if start == 0 else ""
            row: list[Artist] = [Line2D([], [], linestyle="none", label=title)]
            rows.append(row + [_handle(key) for key in legend.keys[start : start + width]])
    if not rows:
        return
    figure.set_figheight(figure.get_figheight() + _LEGEND_ROW * len(rows))
    columns = max(map(len, rows))
    blank = Line2D([], [], linestyle="none", label="")
    padded = [row + [blank] * (columns - len(row)) for row in rows]
    # matplotlib fills legends column by column.
    handles = [row[column] for column in range(columns) for row in padded]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=columns,
        handlelength=1.2,
        handletextpad=0.4,
        columnspacing=0.7,
        labelspacing=0.3,
    )


def _entry_width(texts: Sequence[str]) -> float:
    """Inches of the longest text with a mark and the space around it."""
    return 0.06 * max(map(len, texts), default=0) + 0.3


def _handle(key: Key) -> Line2D:
    return Line2D(
        [],
        [],
        color=key.colour,
        marker=key.marker or None,
        linestyle="none" if key.marker else "-",
        markersize=5,
        markeredgewidth=0,
        label=key.label,
    )


def save_figure(figure: Figure, folder: Path, name: str) -> None:
    """Writes NAME.pdf and NAME.png into a folder; a reader never meets half of a file."""
    _lay_out(figure)
    for suffix in ("pdf", "png"):
        path = folder / f"{name}.{suffix}"
        partial = folder / f"{name}.partial.{suffix}"
        # Without the time of writing, the same figure gives the same bytes.
        metadata = {"CreationDate": None} if suffix == "pdf" else None
        try:
            figure.savefig(partial, dpi=_DOTS_PER_INCH, metadata=metadata)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def _lay_out(figure: Figure) -> None:
    """Places the panels once and for all; left to itself, every file does it and draws twice."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def to_svg(
    figure: Figure, identifier: str, description: str, hints: dict[str, Sequence[str]] | None = None
) -> str:
    """Returns the figure as an SVG element that can stand inside an HTML page.

    Args:
        figure: to be drawn.
        identifier: letters, digits and hyphens; every id inside begins with it, so that several
            figures share a page.
        description: what is seen, for readers who do not see it.
        hints: id of an artist (`set_gid`) -> a text for each of its marks in the order they were
            drawn; written as attribute `data-hint` of the marks.
    """
    _lay_out(figure)
    stream = StringIO()
    with matplotlib.rc_context({"svg.hashsalt": identifier}):
        figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", stream.getvalue()))
    _drop(root, f"{{{_SVG}}}metadata")
    _drop(root, f"{{{_SVG}}}style")  # a style sheet inside one figure would rule the whole page
    for artist, texts in (hints or {}).items():
        _add_hints(root, artist, texts)
    _prefix_identifiers(root, identifier)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("style", "stroke-linejoin: round")
    root.set("role", "img")
    root.set("aria-label", description)
    return ElementTree.tostring(root, encoding="unicode")


def _drop(root: ElementTree.Element, tag: str) -> None:
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag == tag]:
            parent.remove(child)


def _add_hints(root: ElementTree.Element, artist: str, texts: Sequence[str]) -> None:
    group = next(element for element in root.iter() if element.get("id") == artist)
    definitions = {id(inner) for outer in group.iter(f"{{{_SVG}}}defs") for inner in outer.iter()}
    marks = [
        element
        for element in group.iter()
        if element.tag in (f"{{{_SVG}}}use", f"{{{_SVG}}}path") and id(element) not in definitions
    ]
    for mark, text in zip(marks, texts, strict=True):
        mark.set("data-hint", text)


def _prefix_identifiers(root: ElementTree.Element, prefix: str) -> None:
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "style":  # the font is the page's
                element.set(name, re.sub(r"font-family:[^;]*;?", "", value))
            elif name == "id":
                element.set(name, f"{prefix}-{value}")
            elif name == f"{{{_XLINK}}}href" and value.startswith("#"):
                element.set(name, f"#{prefix}-{value[1:]}")
            elif value.startswith("url(#"):
                element.set(name, f"url(#{prefix}-{value[5:]}")
