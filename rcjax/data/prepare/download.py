"""Downloading an archive: gives up within seconds where there is no network."""

import hashlib
import os
import sys
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from tqdm import tqdm

from rcjax.data.prepare.published_archives import Archive
from rcjax.errors import UserError
from rcjax.outside import one_line

_TIMEOUT_SECONDS = 10  # without an answer; not of the whole transfer
_BLOCK_BYTES = 1 << 20


def download(archive: Archive, folder: Path) -> Path:
    """Downloads `archive` into `folder` and verifies its checksum.

    One attempt: a machine without a network must not wait for retries, and who has one can start
    the same command again.

    Returns:
        The path of the file, named `archive.file_name`.

    Raises:
        ConnectionError: no connection, no answer for ten seconds, an error of the server, or a
            transfer that broke off.
        OSError: the file cannot be written.
        UserError: the file that came has another checksum.
    """
    path = folder / archive.file_name
    with open(path, "wb") as file:
        for block in _receive(archive):
            file.write(block)
    verify_checksum(archive, path)
    return path


def _receive(archive: Archive) -> Iterator[bytes]:
    """Yields the file in blocks; whatever goes wrong on the way is a ConnectionError."""
    request = urllib.request.Request(archive.url, headers={"User-Agent": "rcjax"})
    received = 0
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            size = int(response.headers.get("Content-Length", 0))
            with _progress_bar(archive.file_name, size) as bar:
                while block := response.read(_BLOCK_BYTES):
                    yield block
                    received += len(block)
                    bar.update(len(block))
    except (OSError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()  # it holds the connection
        raise ConnectionError(one_line(error)) from error
    if received < size:
        raise ConnectionError(f"the transfer broke off after {received} of {size} bytes")


def _progress_bar(file_name: str, size: int) -> tqdm:
    return tqdm(
        desc=f"downloading {file_name}",
        total=size or None,
        unit="B",
        unit_scale=True,
        file=sys.stderr,
        disable=None,  # silent where the output is not a terminal
    )


def verify_checksum(archive: Archive, path: str | os.PathLike[str]) -> None:
    """Raises `UserError` unless the file at `path` is `archive` as published."""
    try:
        with open(path, "rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{os.fspath(path)} cannot be read ({one_line(error)})") from error
    if checksum != archive.sha256:
        raise UserError(
            f"{os.fspath(path)} is not {archive.file_name} as published: its sha256 is {checksum}, "
            f"not {archive.sha256}; download it again from {archive.url}"
        )
