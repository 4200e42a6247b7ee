"""Results in files: one `.npz` of plain arrays, and a header that says what it is.

Lists of arrays, such as the boundaries of all slices, are stored end to end in one array NAME, with
their lengths in NAME.sizes.
"""

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from rcjax.errors import DamagedError, UserError
from rcjax.outside import arrays_of, check_regular, expanded, one_line, open_regular
from rcjax.regions.result_fields import ResultFields
from rcjax.regions.slice_regions import PlaneRegions, SliceRegions

Parts = TypeVar("Parts", np.ndarray, list[np.ndarray], list[list[np.ndarray]])
_FORMAT = "rcjax.RegionCounts"
_VERSION = 1
_ZIP = b"PK"
_PER_SLICE = ("boundaries", "region_labels")
_REGION_ARRAYS = tuple(field.name for field in dataclasses.fields(SliceRegions))
_PLANE_ARRAYS = (*_REGION_ARRAYS, "perimeters", "boundaries")
# Kinds of NumPy's dtypes of the arrays that hold one number for each slice.
_KINDS_OF_ARRAYS = {
    "counts": "iu", "lengths": "f", "sizes": "f", "linear_regions": "iu",
    "activation_regions": "iu", "complete": "b", "crowded": "iu", "uncertain": "b",
}  # fmt: skip
_TYPES_IN_HEADER = {
    "method": str, "dim": int, "points": int, "connectivity": str, "evaluations": int,
    "score_kind": str, "precision": str, "low_precision": str, "reevaluated_share": float,
}  # fmt: skip


def write(path: str | os.PathLike[str], result: ResultFields) -> None:
    """Writes a result; the file appears whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    header: dict[str, object] = {"format": _FORMAT, "version": _VERSION}
    # Any: to mypy, an array might be the option allow_pickle.
    arrays: dict[str, Any] = {}
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        if field.name == "regions":
            arrays |= {} if value is None else _of_regions(value)
        elif field.name in _PER_SLICE:
            arrays |= {} if value is None else _joined(field.name, value)
        elif hasattr(value, "dtype"):
            arrays[field.name] = np.asarray(value)
        elif value is not None:
            header[field.name] = value
    arrays["header"] = np.array(json.dumps(header))
    path = expanded(path)
    try:
        if path.exists():
            check_regular(path)  # a device would be replaced by a file
        partial = path.with_name(path.name + ".partial")
        try:
            with open(partial, "wb") as file:
                np.savez_compressed(file, **arrays)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error})") from error


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads the fields of a result, by name.

    Raises:
        UserError: there is no such file, it holds something else, or a later version wrote it.
        DamagedError: it was cut short or changed.
    """
    path = expanded(path)
    try:
        with open_regular(path) as file:
            is_archive = file.read(len(_ZIP)) == _ZIP
        arrays = arrays_of(path) if is_archive else {}
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error})") from error
    except UserError:
        raise
    except Exception as error:  # whatever zipfile, zlib and NumPy say of changed bytes
        if "Python objects" in str(error):
            raise UserError(_foreign(path)) from error
        raise DamagedError(
            f"{path} is damaged ({one_line(error)}); count again, or use a copy"
        ) from error
    if "header" not in arrays:
        raise UserError(_foreign(path))
    header = _header(path, str(arrays.pop("header")))
    try:
        return _fields(header, arrays)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise DamagedError(
            f"{path} is damaged (its arrays do not fit together); count again, or use a copy"
        ) from error


def _foreign(path: str | os.PathLike[str]) -> str:
    return f"{path} holds no region counts; give a file that RegionCounts.save wrote"


def _header(path: str | os.PathLike[str], text: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.pop("format", None) != _FORMAT:
        raise UserError(_foreign(path))
    version = header.pop("version", None)
    if version != _VERSION:
        raise UserError(
            f"{path} is of version {version}, and this rcjax reads version {_VERSION}; "
            "use the rcjax that wrote it"
        )
    return header


def _fields(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    header["extent"] = low, high = tuple(map(float, header["extent"]))
    if not -math.inf < low < high < math.inf:
        raise ValueError("no extent")
    fields: dict[str, Any] = dict(header)
    for name in _PER_SLICE:
        if name in arrays:
            fields[name] = tuple(_parted(arrays, name))
    if any(name.startswith("regions.") for name in arrays):
        fields["regions"] = tuple(_regions(arrays))
    fields |= {name: array for name, array in arrays.items() if "." not in name} | fields
    known = {field.name: field.default for field in dataclasses.fields(ResultFields)}
    if set(fields) - set(known) or any(
        name not in fields for name, default in known.items() if default is dataclasses.MISSING
    ):
        raise ValueError("fields are missing or unknown")
    _check_kinds(fields)
    return fields


def _check_kinds(fields: dict[str, Any]) -> None:
    """Checks what an editor of the file, rather than damage, may have made of it."""
    counts = fields["counts"]
    for name, kind in _TYPES_IN_HEADER.items():
        if name in fields and type(fields[name]) is not kind:
            raise ValueError(f"{name} is no {kind.__name__}")
    for name, kinds in _KINDS_OF_ARRAYS.items():
        array = fields.get(name)
        if array is not None and (array.dtype.kind not in kinds or array.shape != counts.shape):
            raise ValueError(f"{name} holds something else than one number for each slice")
    if counts.ndim != 1 or len(counts) == 0 or counts.min() < 1:
        raise ValueError("counts must be whole numbers from 1 on")
    if any(len(fields.get(name, counts)) != len(counts) for name in (*_PER_SLICE, "regions")):
        raise ValueError("fields of different numbers of slices")
    labels = fields.get("region_labels")
    if labels is not None and [len(each) for each in labels] != counts.tolist():
        raise ValueError("counts differ from the numbers of regions")


def _joined(name: str, parts: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    parts = [np.asarray(part) for part in parts]
    sizes = np.array([len(part) for part in parts], np.int64)
    return {name: np.concatenate(parts), f"{name}.sizes": sizes}


def _parted(arrays: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    return _cut(arrays[name], arrays[f"{name}.sizes"])


def _cut(items: Parts, sizes: np.ndarray) -> list[Parts]:
    ends = np.cumsum(sizes)
    if len(sizes) == 0 or (sizes < 0).any() or ends[-1] != len(items):
        raise ValueError("sizes do not add up")
    return [items[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _of_regions(slices: Sequence[SliceRegions]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    planes = [regions for regions in slices if isinstance(regions, PlaneRegions)]
    for name in _PLANE_ARRAYS if planes else _REGION_ARRAYS:
        arrays |= _joined(f"regions.{name}", [getattr(regions, name) for regions in slices])
    if planes:
        parts = [part for plane in planes for part in plane.polygons]
        arrays |= _joined("regions.polygons", [polygon for part in parts for polygon in part])
        arrays["regions.parts"] = np.array([len(part) for part in parts], np.int64)
    return arrays


def _regions(arrays: dict[str, np.ndarray]) -> list[SliceRegions]:
    of_planes = "regions.polygons" in arrays
    names = _PLANE_ARRAYS if of_planes else _REGION_ARRAYS
    if sum(name.startswith("regions.") for name in arrays) != 2 * len(names) + 3 * of_planes:
        raise ValueError("arrays of regions are missing or unknown")
    values = [_parted(arrays, f"regions.{name}") for name in names]
    if not of_planes:
        return [SliceRegions(*own) for own in zip(*values, strict=True)]
    parts = _cut(_parted(arrays, "regions.polygons"), arrays["regions.parts"])
    polygons = _cut(parts, arrays["regions.labels.sizes"])
    return [PlaneRegions(*own) for own in zip(*values, polygons, strict=True)]
