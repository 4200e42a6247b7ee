"""A small data set, prepared once as real ones are."""

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
