"""Which optional packages belong to which extra, and the one line where one of them is missing.

The core needs JAX and numpy. When a module of rcjax imports a package of an extra that is not
installed, the error names the extra and the command. Nothing else sees a difference.
"""

import importlib.abc
import sys
from collections.abc import Sequence
from types import FrameType, ModuleType

from rcjax.errors import UserError

_PACKAGES = {
    "plots": ("matplotlib",),
    "datasets": ("mnist1d",),
    "hub": ("huggingface_hub",),
    "train": (
        "PIL", "absl", "array_record", "flax", "grain", "jinja2", "markupsafe", "ml_collections",
        "optax", "orbax", "safetensors", "scipy", "sklearn", "tensorboardX", "tensorflow_datasets",
        "tqdm",
    ),
}  # fmt: skip
EXTRA_OF = {package: extra for extra, packages in _PACKAGES.items() for package in packages}


class MissingExtraError(UserError, ModuleNotFoundError):
    """A package of an extra is not installed.

    Example:
        >>> print(MissingExtraError("rcjax.models", "flax", "train"))
        rcjax.models needs flax, the extra [train]: pip install "rcjax[train]"
    """

    def __init__(self, part: str, package: str, extra: str) -> None:
        super().__init__(
            f'{part} needs {package}, the extra [{extra}]: pip install "rcjax[{extra}]"'
        )
        self.name = package


class _LastFinder(importlib.abc.MetaPathFinder):
    """Asked after all others: what it is asked for is not installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        extra = EXTRA_OF.get(name)
        part = extra and _importing_part(sys._getframe(1))
        if extra and part:
            raise MissingExtraError(part, name, extra)


def _importing_part(frame: FrameType | None) -> str:
    """The part of rcjax whose import statement is under way; empty for anyone else's."""
    while frame is not None and "importlib" in str(frame.f_globals.get("__name__")):
        frame = frame.f_back
    package = str(frame.f_globals.get("__package__")) if frame is not None else ""
    return package if package.split(".")[0] == "rcjax" else ""


def watch_imports() -> None:
    """Has imports of rcjax that fail name the extra; once is enough."""
    if not any(isinstance(finder, _LastFinder) for finder in sys.meta_path):
        sys.meta_path.append(_LastFinder())
