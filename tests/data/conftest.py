"""A small data set, prepared once, in the layout in which tensorflow-datasets keeps real ones."""

import shutil
from pathlib import Path

import pytest

from rcjax.data.prepare import prepare

from .tiny_cifar import Contents, make_archive


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Contents]:
    """A data_dir with a tiny CIFAR-10, and what is in it. Read only: copy it to damage it."""
    folder = tmp_path_factory.mktemp("tiny")
    contents = make_archive(folder / "cifar-10-binary.tar.gz")
    prepare(
        "cifar10", archives=[folder / "cifar-10-binary.tar.gz"], data_dir=folder, checksum=False
    )
    return folder, contents


@pytest.fixture
def copy_of_tiny(tiny: tuple[Path, Contents], tmp_path: Path) -> Path:
    """A data_dir like `tiny`'s, free to be damaged."""
    return Path(shutil.copytree(tiny[0], tmp_path / "copy"))
