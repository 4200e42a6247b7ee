"""Pictures of a run: how it learned, how its region count went, and one segment close by."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from rcjax.plotting import colour_of, own_settings

_TRAIN, _TEST, _REGIONS = "#1f77b4", "#d95f02", "#4c4c9d"
_DOTS_PER_INCH = 150
_IMAGES = 9  # below a segment


@own_settings()
def plot_learning(
    epochs: Sequence[dict[str, Any]], history: Sequence[dict[str, Any]], path: Path
) -> None:
    """Draws loss and accuracy by epoch, for the training and the test images.

    Args:
        epochs: the record's list "epochs"; their running training loss is drawn as a thin line.
        history: the record's list "history".
        path: of the picture.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    if epochs:
        running = [entry["train_loss"] for entry in epochs]
        numbers = [entry["epoch"] for entry in epochs]
        loss.plot(numbers, running, color=_TRAIN, alpha=0.35, label="training, while it learns")
    _plot_both(loss, history, "loss")
    loss.set_ylabel("cross-entropy loss")
    positive = [entry[key] for entry in history for key in ("train_loss", "test_loss")]
    if positive and min(positive) > 0:
        loss.set_yscale("log")
        loss.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        loss.yaxis.set_major_formatter("{x:g}")
        loss.yaxis.set_minor_formatter(NullFormatter())
    _plot_both(accuracy, history, "accuracy")
    accuracy.set_ylabel("accuracy (%)")
    loss.legend(frameon=False)
    accuracy.legend(frameon=False, loc="lower right")
    _save(figure, path)


def _plot_both(axes: Axes, history: Sequence[dict[str, Any]], quantity: str) -> None:
    numbers = [entry["epoch"] for entry in history]
    for split, colour, name in (("train", _TRAIN, "training"), ("test", _TEST, "test")):
        values = [entry[f"{split}_{quantity}"] for entry in history]
        axes.plot(numbers, values, color=colour, marker="o", markersize=3, label=name)
    _epoch_axis(axes)


@own_settings()
def plot_region_count(history: Sequence[dict[str, Any]], path: Path) -> None:
    """Draws the mean region count by epoch, in a band of one standard error on both sides.

    Args:
        history: the record's list "history".
        path: of the picture.
    """
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    numbers = [entry["epoch"] for entry in history]
    mean = np.array([entry["region_count"]["mean"] for entry in history], float)
    error = np.array([entry["region_count"]["standard_error"] for entry in history], float)
    axes.fill_between(
        numbers,
        mean - error,
        mean + error,
        color=_REGIONS,
        alpha=0.25,
        lw=0,
        label="standard error",
    )
    axes.plot(numbers, mean, color=_REGIONS, marker="o", markersize=3, label="mean of the slices")
    axes.set_ylabel("regions on a slice")
    _epoch_axis(axes)
    axes.legend(frameon=False)
    _save(figure, path)


def _epoch_axis(axes: Axes) -> None:
    axes.set_xlabel("epochs trained")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


@own_settings()
def plot_segment(
    positions: np.ndarray, logits: np.ndarray, images: np.ndarray, caption: str, path: Path
) -> None:
    """Draws the logits along a segment of input space, and its regions as a coloured strip.

    Args:
        positions: float `[points]`, rising from 0 to 1.
        logits: float `[points, classes]`.
        images: `[points, height, width, channels]` in 0 .. 1, what lies at the positions; some of
            them are shown below.
        caption: what the segment is; follows the number of its regions.
        path: of the picture.
    """
    labels = logits.argmax(axis=1)
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    colours = _class_colours(logits.shape[1])
    figure = Figure(figsize=(8, 5), layout="constrained")
    curves, strip, pictures = figure.subplots(3, 1, sharex=True, height_ratios=(6, 0.7, 1.4))

    present = np.unique(labels)
    for label in range(logits.shape[1]):
        shown = label in present
        curves.plot(
            positions,
            logits[:, label],
            color=colours[label] if shown else "0.8",
            lw=2 if shown else 0.8,
            zorder=2 if shown else 1,
            label=f"class {label}" if shown else None,
        )
    # Half way between the last point of a region and the first of the next.
    borders = [0.0, *(positions[starts[1:] - 1] + positions[starts[1:]]) / 2, 1.0]
    for border in borders[1:-1]:
        curves.axvline(border, color="0.4", lw=0.8, ls=":")
    curves.set_ylabel("logit")
    curves.legend(frameon=False, ncols=2)
    curves.spines[["top", "right"]].set_visible(False)
    curves.set_title(
        f"{len(starts)} {'region' if len(starts) == 1 else 'regions'} on {caption}",
        loc="left",
        fontsize=11,
    )
    for label, left, right in zip(labels[starts], borders[:-1], borders[1:], strict=True):
        strip.axvspan(left, right, color=colours[label], lw=0)
        if right - left > 0.02:  # wide enough for a number
            strip.text((left + right) / 2, 0.5, label, ha="center", va="center", color="white")
    _bare(strip, "predicted\nclass")
    _draw_images(pictures, images)
    _bare(pictures, "image")
    pictures.set_xlabel("position on the segment")
    pictures.set_xlim(0, 1)
    _save(figure, path)


def _draw_images(axes: Axes, images: np.ndarray) -> None:
    """Shows some of the images, each centred at its position."""
    half = 0.5 / _IMAGES
    for position in np.linspace(half, 1 - half, _IMAGES):
        image = images[round(position * (len(images) - 1))]
        inset = axes.inset_axes((position - half, 0.0, 2 * half, 1.0))
        inset.imshow(
            _as_picture(image),
            cmap="gray_r",
            vmin=0,
            vmax=1,
            aspect="auto" if min(image.shape[:2]) == 1 else None,
        )
        inset.axis("off")


def _as_picture(image: np.ndarray) -> np.ndarray:
    """An image `[height, width, channels]` as colours, or as grey where it has not three channels.

    A vector is one row of pixels.
    """
    if image.ndim == 1:
        image = image[None, :, None]
    channels = image.shape[-1]
    return image.clip(0, 1) if channels == 3 else image.clip(0, 1).mean(axis=-1)


def _bare(axes: Axes, name: str) -> None:
    axes.set_yticks([])
    axes.set_ylabel(name, rotation=0, ha="right", va="center")
    axes.spines[:].set_visible(False)


def _class_colours(classes: int) -> list[Any]:
    # Grey is for the classes that are predicted nowhere on the segment.
    tab10 = matplotlib.color_sequences["tab10"]
    table = [*tab10[:7], "#1f2a6b", *tab10[8:]]
    return [*table, *map(colour_of, range(len(table), classes))][:classes]


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=_DOTS_PER_INCH)
