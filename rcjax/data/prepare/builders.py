"""The only file that deals with tensorflow-datasets' builders: finding, writing, opening data."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rcjax.data.messages import one_line
from rcjax.data.prepare.archives import ArchiveContents
from rcjax.errors import UserError


def stock_builder(name: str, data_dir: str | os.PathLike[str] | None) -> Any:
    """Returns the `tfds.core.DatasetBuilder` of a data set, whether or not it is prepared.

    Arguments:
        name: a name that tensorflow-datasets knows.
        data_dir: its root directory; None or "" is the default of tensorflow-datasets.

    Raises:
        UserError: there is a prepared directory, but its description cannot be read.
    """
    import tensorflow_datasets as tfds

    root = os.path.expanduser(data_dir) if data_dir else None
    try:
        return tfds.builder(name, data_dir=root)
    except Exception as error:  # of a JSON parser, of protobuf, of tensorflow-datasets itself
        raise UserError(
            f"data set {name!r} in {root or 'the default directory of tensorflow-datasets'} cannot "
            f"be opened ({one_line(error)}); delete its directory and prepare it again"
        ) from error


def is_prepared(builder: Any) -> bool:
    """Whether the data are there. (The builder's own method logs a warning where they are not.)"""
    return (Path(builder.data_dir) / "dataset_info.json").exists()


def check_format(builder: Any) -> None:
    """Raises `UserError` where the data are prepared in a format that this package cannot read."""
    file_format = builder.info.file_format and builder.info.file_format.value
    if file_format != "array_record":
        raise UserError(
            f"data set {builder.name!r} in {builder.data_dir} is prepared as {file_format}; only "
            f"array_record is read (tfrecord needs TensorFlow, parquet loses data); prepare it in "
            f"another directory: python -m rcjax.data.prepare {builder.name} --data_dir=OTHER"
        )


def write_array_records(name: str, contents: ArchiveContents, root: Path, scratch: Path) -> None:
    """Writes the examples under the stock builder's name, version and features.

    Everything is written to a temporary directory beside the final one and renamed at the end.

    Arguments:
        name: a name that tensorflow-datasets knows.
        contents: what to write.
        root: the root directory of tensorflow-datasets.
        scratch: a directory for what tensorflow-datasets wants to keep of its downloads.
    """
    import tensorflow_datasets as tfds

    stock: Any = tfds.builder_cls(name)

    # The base is found at run time, so mypy cannot know that it takes this option.
    class Builder(stock, skip_registration=True):  # type: ignore[call-arg]
        """The stock builder without its two methods that call TensorFlow."""

        def _split_generators(self, _: Any) -> Mapping[str, Iterator]:
            for label, names in contents.class_names.items():
                self.info.features[label].names = names
            return {split: contents.examples(split) for split in contents.splits}

    Builder.name = stock.name
    Builder.__module__ = stock.__module__  # is written into the description of the data
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):  # it prints sizes that it does not know
        Builder(data_dir=os.fspath(root)).download_and_prepare(
            file_format="array_record",
            download_dir=os.fspath(scratch),
            # Or it would ask a server whether it has the data prepared.
            download_config=tfds.download.DownloadConfig(try_download_gcs=False),
        )
