"""Files that are either whole or not there; JSON."""

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

import numpy as np

from rcjax.errors import DamagedError, UserError
from rcjax.outside import open_regular


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for writing that appears whole or not at all; an earlier one stays until then.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> Any:
    """Writes a JSON file that appears whole or not at all, each entry of a list on one line.

    Args:
        path: the file; replaced if it is there.
        content: numbers that are not finite become null.

    Returns:
        The content as it was written.

    Raises:
        OSError: it cannot be written; the earlier file stays.
    """
    content = finite(content)
    with written_whole(path) as file:
        file.write(f"{_json_text(content)}\n".encode())
    return content


def _json_text(content: Any, indent: str = "") -> str:
    # Indentation by `json` gives every number a line, and takes long for a hundred thousand runs.
    inner = f"{indent}  "
    if isinstance(content, dict) and content:
        lines = [f"{json.dumps(str(k))}: {_json_text(v, inner)}" for k, v in content.items()]
        ends = "{}"
    elif isinstance(content, list) and any(isinstance(entry, dict | list) for entry in content):
        lines, ends = [json.dumps(entry, allow_nan=False) for entry in content], "[]"
    else:
        return json.dumps(content, allow_nan=False)
    return f"{ends[0]}\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}{ends[1]}"


def read_json(path: Path, *, remedy: str) -> dict[str, Any]:
    """Reads an object that `write_json` wrote.

    Args:
        path: the file.
        remedy: what the user can do when it cannot be read.

    Raises:
        DamagedError: the file is damaged, or holds something else.
        UserError: it cannot be read.
    """
    try:
        with open_regular(path) as file:
            content = json.loads(file.read())  # bytes, since editors may leave a mark before them
    # Brackets without end exhaust the parser's stack.
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path} is damaged ({error}); {remedy}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}); {remedy}") from error
    if not isinstance(content, dict):
        raise DamagedError(
            f"{path} is damaged (it holds {type(content).__name__} instead of an object); {remedy}"
        )
    return content


def set_aside(path: Path) -> Path:
    """Renames a file or folder to NAME.damaged1, or the next free number.

    Args:
        path: must exist.

    Returns:
        The new path.
    """
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged{number}")).exists():
        number += 1
    path.rename(aside)
    return aside


def is_finite_number(value: Any) -> TypeGuard[float]:
    """Returns whether a value is a finite number, and no truth value.

    Example:
        >>> [is_finite_number(value) for value in (2, 0.5, True, float("nan"), "2", None)]
        [True, True, False, False, False, False]
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def json_line(content: Any) -> str:
    """Returns content as one line of JSON, with the line end."""
    return json.dumps(finite(content), allow_nan=False) + "\n"


def finite(content: Any) -> Any:
    """Returns content as JSON can hold it: None for infinities and NaN, Python's numbers."""
    if content is None or type(content) in (str, bool, int):  # most values, and quickly told
        return content
    if isinstance(content, np.generic):
        content = content.item()
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {name: finite(value) for name, value in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [finite(value) for value in content]
    return content
