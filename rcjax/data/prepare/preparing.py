"""Prepares CIFAR-10, CIFAR-100 or SVHN for tensorflow-datasets, without TensorFlow.

    python -m rcjax.data.prepare cifar10
    python -m rcjax.data.prepare cifar10 --archive=cifar-10-binary.tar.gz --data_dir=DIR

The first form downloads the original archive; the second takes one that was downloaded by hand and
needs no network. The result is the directory that `tensorflow_datasets.data_source` reads.
"""

import argparse
import os
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rcjax.data.messages import one_line
from rcjax.data.prepare.archives import read_archives
from rcjax.data.prepare.builders import (
    check_format,
    is_prepared,
    stock_builder,
    write_array_records,
)
from rcjax.data.prepare.download import download, verify_checksum
from rcjax.data.prepare.published_archives import ARCHIVES
from rcjax.errors import UserError
from rcjax.terminal import say, say_error


def prepare(
    name: str,
    *,
    archives: Sequence[str | os.PathLike[str]] = (),
    data_dir: str | os.PathLike[str] | None = None,
    checksum: bool = True,
) -> Path:
    """Writes a data set as array_record files, in the layout of tensorflow-datasets.

    Arguments:
        name: "cifar10", "cifar100" or "svhn_cropped" (whose split "extra" is left out).
        archives: the original files, downloaded by hand; empty to download them.
        data_dir: where to write; None is tensorflow-datasets' own default.
        checksum: whether the archives must be those published, byte for byte.

    Returns:
        The directory of the prepared data set. Nothing is done where it is there already; an
        interrupted preparation leaves nothing that looks finished.

    Raises:
        UserError: unknown name; no network to download an archive; an archive missing, damaged or
            not the published one; the data are there in another format; the directory cannot be
            written.
    """
    if name not in ARCHIVES:
        raise UserError(f"cannot prepare data set {name!r}; known are {', '.join(ARCHIVES)}")
    builder = stock_builder(name, data_dir)
    if is_prepared(builder):
        check_format(builder)
        return Path(builder.data_dir)
    given = _match_archives(name, archives) if archives else None
    if given is not None and checksum:
        for archive in ARCHIVES[name]:
            verify_checksum(archive, given[archive.file_name])
    root = Path(builder.data_dir).parents[1]  # DIR of DIR/name/version
    try:
        root.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="preparing-", dir=root))
        try:
            paths = given or _download_all(name, scratch, root)
            write_array_records(name, read_archives(name, paths), root, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        # Another process may have prepared the same data meanwhile; theirs are as good.
        if not is_prepared(builder):
            raise UserError(
                f"data set {name!r} cannot be prepared in {root} ({one_line(error)}); "
                f"choose another data_dir"
            ) from error
    return Path(builder.data_dir)


def _match_archives(name: str, paths: Sequence[str | os.PathLike[str]]) -> dict[str, Path]:
    """Tells which given file is which archive; a lone one may have any name."""
    wanted = [archive.file_name for archive in ARCHIVES[name]]
    given = {Path(path).name: Path(path) for path in paths}
    if len(wanted) == len(paths) == 1:
        given = {wanted[0]: Path(paths[0])}
    if set(given) != set(wanted) or len(paths) != len(wanted):
        raise UserError(
            f"data set {name!r} is made of {' and '.join(wanted)}, one --archive each; "
            f"got {', '.join(os.fspath(path) for path in paths)}"
        )
    for path in given.values():
        if not path.is_file():
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
