"""Prepares CIFAR-10, CIFAR-100 or SVHN: original archives become one file of arrays."""

import argparse
import contextlib
import glob
import os
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rcjax.data.prepare.archives import read_archives
from rcjax.data.prepare.array_cache import Splits, cache_path, data_root, read_cache, write_cache
from rcjax.data.prepare.download import download, verify_checksum
from rcjax.data.prepare.published_archives import ARCHIVES
from rcjax.data.prepare.tfds_folder import (
    check_format,
    is_prepared,
    read_tfds_folder,
    stock_builder,
)
from rcjax.errors import UserError
from rcjax.outside import expanded, one_line
from rcjax.terminal import say, say_error


def load_prepared(name: str, data_dir: str | None) -> Splits:
    """Reads a data set; downloads and prepares it first where it is not there.

    Args:
        name: a key of `rcjax.data.prepare.published_archives.ARCHIVES`.
        data_dir: where data sets are kept; None is the default of tensorflow-datasets.

    Returns:
        train_images, train_labels, test_images, test_labels as in `rcjax.data.Dataset`, each split
        in the order of its original files.

    Raises:
        UserError: not there and no network to download it, damaged, or prepared by
            tensorflow-datasets in another format.
    """
    root = data_root(data_dir)
    if not os.path.exists(cache_path(name, root)):
        builder = _tfds_builder(name, root)
        if builder is not None:
            return read_tfds_folder(builder)
        say(f"data set {name!r} is not in {root}: downloading it")
        prepare(name, data_dir=data_dir)
    return read_cache(name, root)


def _tfds_builder(name: str, root: Path) -> Any | None:
    """The builder of a data set that tensorflow-datasets prepared; None where it did not."""
    if not glob.glob(os.path.join(glob.escape(os.fspath(root / name)), "*", "dataset_info.json")):
        return None  # without importing tensorflow-datasets, which takes a second
    builder = stock_builder(name, root)
    return builder if is_prepared(builder) else None


def prepare(
    name: str,
    *,
    archives: Sequence[str | os.PathLike[str]] = (),
    data_dir: str | os.PathLike[str] | None = None,
    checksum: bool = True,
) -> Path:
    """Writes the arrays of a data set into one `.npz` file.

    Args:
        name: "cifar10", "cifar100" or "svhn_cropped" (whose split "extra" is left out).
        archives: the original files, downloaded by hand; empty to download them.
        data_dir: where to write; None is the default of tensorflow-datasets.
        checksum: whether the archives must be those published, byte for byte.

    Returns:
        The path of the file, or of the folder that tensorflow-datasets prepared: nothing is done
        where either is there. An interrupted preparation leaves nothing that looks finished.

    Raises:
        UserError: unknown name; no network to download an archive; an archive missing, damaged or
            not the published one; tensorflow-datasets prepared the data in another format; the
            directory cannot be written.
    """
    if name not in ARCHIVES:
        raise UserError(f"cannot prepare data set {name!r}; known are {', '.join(ARCHIVES)}")
    root = data_root(data_dir)
    if os.path.exists(cache_path(name, root)):
        return cache_path(name, root)
    builder = _tfds_builder(name, root)
    if builder is not None:
        check_format(builder)
        return Path(builder.data_dir)
    given = _match_archives(name, archives) if archives else None
    if given is not None and checksum:
        for archive in ARCHIVES[name]:
            verify_checksum(archive, given[archive.file_name])
    folders = [root / name, root, *root.parents]
    made = [folder for folder in folders if not os.path.exists(folder)]
    try:
        root.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="preparing-", dir=root))
        try:
            paths = given or _download_all(name, scratch, root)
            return write_cache(name, root, read_archives(name, paths), scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise UserError(
            f"data set {name!r} cannot be prepared in {root} ({one_line(error)}); "
            f"choose another data_dir"
        ) from error
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # it holds what was prepared
                folder.rmdir()


def _match_archives(name: str, paths: Sequence[str | os.PathLike[str]]) -> dict[str, Path]:
    """Tells which given file is which archive; a lone one may have any name."""
    wanted = [archive.file_name for archive in ARCHIVES[name]]
    given = {Path(path).name: expanded(path) for path in paths}
    if len(wanted) == len(paths) == 1:
        given = {wanted[0]: expanded(paths[0])}
    if set(given) != set(wanted) or len(paths) != len(wanted):
        raise UserError(
            f"data set {name!r} is made of {' and '.join(wanted)}, one --archive each; "
            f"got {', '.join(os.fspath(path) for path in paths)}"
        )
    for path in given.values():
        if not os.path.isfile(path):
            raise UserError(f"no archive at {path}; --archive must name a downloaded file")
    return given


def _download_all(name: str, folder: Path, root: Path) -> dict[str, Path]:
    try:
        return {archive.file_name: download(archive, folder) for archive in ARCHIVES[name]}
    except ConnectionError as error:
        urls = " and ".join(archive.url for archive in ARCHIVES[name])
        flags = " ".join(f"--archive={archive.file_name}" for archive in ARCHIVES[name])
        raise UserError(
            f"data set {name!r} is not prepared in {root} and cannot be downloaded ({error}); "
            f"download {urls} by hand, then run: python -m rcjax.data.prepare {name} {flags} "
            f"--data_dir={shlex.quote(os.fspath(root))}"
        ) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code; every failure is one line on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m rcjax.data.prepare", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("name", choices=tuple(ARCHIVES))
    parser.add_argument(
        "--archive", action="append", default=[], help="a file downloaded by hand; none: download"
    )
    parser.add_argument("--data_dir", help="where to write; default: $TFDS_DATA_DIR, or the home")
    parser.add_argument(
        "--no_checksum", action="store_true", help="accept archives other than those published"
    )
    options = parser.parse_args(arguments)
    try:
        where = prepare(
            options.name,
            archives=options.archive,
            data_dir=options.data_dir,
            checksum=not options.no_checksum,
        )
    except UserError as error:
        say_error(f"error: {error}")
        return 2
    say(f"{options.name} is prepared in {where}")
    return 0
