"""JSON files that are either whole or not there."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rcjax.errors import UserError


def write_json(path: Path, content: Any) -> None:
    """Writes a file so that a reader never meets half of it."""
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "w", encoding="utf-8") as file:
            file.write(json.dumps(finite(content), indent=2, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """Reads a file that `write_json` wrote; a UserError when it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); remove it, or choose another workdir") from (
            error
        )


def json_line(content: Any) -> str:
    """One line of JSON, with its end."""
    return json.dumps(finite(content), allow_nan=False) + "\n"


def finite(content: Any) -> Any:
    """The same with null in place of what JSON has no word for: infinite and not a number."""
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {name: finite(value) for name, value in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [finite(value) for value in content]
    return content
