"""The ranges of numbers, checked alike in every config."""

import math
from collections.abc import Mapping
from typing import Any

from rcjax.errors import UserError


def check_ranges(fields: Mapping[str, Any], ranges: Mapping[str, tuple[float, float]]) -> None:
    """Checks numbers of a config.

    Args:
        fields: {dotted name: value}.
        ranges: {dotted name: (smallest, largest)} of some of them.

    Raises:
        UserError: the first number that is out of its range.
    """
    for name, (smallest, largest) in ranges.items():
        if not smallest <= fields[name] <= largest:
            bounds = f"at least {smallest}" + (f", at most {largest}" * (largest < math.inf))
            raise UserError(f"config field {name} must be {bounds}, got {fields[name]}")
