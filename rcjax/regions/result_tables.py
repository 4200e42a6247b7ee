"""Results as plain Python values and as columns of a table."""

import importlib
import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeAlias

import numpy as np

from rcjax.errors import UserError
from rcjax.regions.result_fields import ResultFields
from rcjax.regions.slice_regions import PlaneRegions, SliceRegions

Columns: TypeAlias = dict[str, np.ndarray]

# Fields with one value a slice.
_PER_SLICE = (
    "lengths", "linear_regions", "activation_regions", "complete", "crowded", "uncertain",
)  # fmt: skip


def plain(value: object) -> object:
    """Numbers, texts and lists in place of arrays and tuples; None in place of what is not finite.

    Example:
        >>> plain({"a": np.array([1.0, np.nan]), "b": (np.int32(2), "x")})
        {'a': [1.0, None], 'b': [2, 'x']}
    """
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, SliceRegions):
        return plain({field.name: getattr(value, field.name) for field in fields(value)})
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def slice_columns(result: ResultFields) -> Columns:
    """A row for each slice: its number, its count, and what else is known of it."""
    columns: Columns = {"slice": np.arange(len(result.counts)), "count": result.counts}
    for name in _PER_SLICE:
        if getattr(result, name) is not None:
            columns[{"lengths": "length"}.get(name, name)] = getattr(result, name)
    return columns


def region_columns(result: ResultFields) -> Columns:
    """A row for each region of all slices.

    Raises:
        UserError: the result does not hold the regions.
    """
    if result.regions is not None and result.boundaries is None:
        return _regions_of_slices(result.dim, result.regions)
    if result.boundaries is None or result.region_labels is None or result.lengths is None:
        raise UserError("the regions were not kept: call count_regions with regions=True")
    low, high = result.extent
    starts = [np.concatenate([[low], inner]) for inner in result.boundaries]
    ends = [np.concatenate([inner, [high]]) for inner in result.boundaries]
    start, end = np.concatenate(starts), np.concatenate(ends)
    columns = _numbered([len(part) for part in starts])
    return {
        **columns,
        "label": np.concatenate(result.region_labels),
        "start": start,
        "end": end,
        "length": (end - start) * np.asarray(result.lengths)[columns["slice"]],
    }


def _regions_of_slices(dim: int, slices: Sequence[SliceRegions]) -> Columns:
    names = {"label": "labels", "area" if dim == 2 else "size": "sizes", "share": "shares"}
    if all(isinstance(regions, PlaneRegions) for regions in slices):
        names["perimeter"] = "perimeters"
    return {
        **_numbered([len(regions) for regions in slices]),
        **{
            column: np.concatenate([getattr(regions, name) for regions in slices])
            for column, name in names.items()
        },
    }


def _numbered(sizes: list[int]) -> Columns:
    return {
        "slice": np.repeat(np.arange(len(sizes)), sizes),
        "region": np.concatenate([np.arange(size) for size in sizes]),
    }


def data_frame(columns: Columns) -> Any:
    """A pandas data frame of columns.

    Raises:
        UserError: pandas is missing.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ImportError as error:
        raise UserError(
            'to_dataframe needs pandas, the extra [pandas]: pip install "rcjax[pandas]"'
        ) from error
    return pandas.DataFrame({name: np.asarray(column) for name, column in columns.items()})
