"""Configs as nested dicts, and as one dict with dotted names."""

from collections.abc import Mapping
from typing import Any


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as nested dicts, the inverse of `flatten`: {"a.b": 1} -> {"a": {"b": 1}}."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *sections, last = name.split(".")
        inner = tree
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[last] = value
    return tree


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one dict with dotted names: {"regions": {"dim": 1}} -> {"regions.dim": 1}."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def plain(value: Any) -> Any:
    """A value of a config as Python's own types: NumPy's numbers and arrays, ranges, nested dicts.

    >>> plain({"grid": {"seed": range(2)}, "epochs": 3})
    {'grid': {'seed': (0, 1)}, 'epochs': 3}
    """
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if hasattr(value, "tolist"):  # NumPy is not imported, so that the command line stays quick
        value = value.tolist()
        return tuple(value) if isinstance(value, list) else value
    if isinstance(value, range):
        return tuple(value)
    if isinstance(value, tuple | list):
        return type(value)(plain(item) for item in value)
    return value
