"""Damaged files and folders are moved out of the way, never removed."""

from pathlib import Path


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
