"""Downloading, from a server of this test: it works, and gives up at once where it cannot."""

import dataclasses
import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from rcjax.data import load
from rcjax.data.prepare import published_archives
from rcjax.errors import UserError

from .tiny_cifar import make_archive


class Server(ThreadingHTTPServer):
    """Serves one body under every address and counts the requests."""

    body = b""
    announced_bytes = 0
    status = 200
    requests = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(self.server.announced_bytes))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that stands in for CIFAR-10's, with a tiny archive whose checksum is expected."""
    make_archive(tmp_path / "archive", train=20, test=10)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.body = (tmp_path / "archive").read_bytes()
        server.announced_bytes = len(server.body)
        (published,) = published_archives.ARCHIVES["cifar10"]
        local = dataclasses.replace(
            published,
            url=f"http://127.0.0.1:{server.server_port}/{published.file_name}",
            sha256=hashlib.sha256(server.body).hexdigest(),
        )
        monkeypatch.setitem(published_archives.ARCHIVES, "cifar10", (local,))
        monkeypatch.setenv("no_proxy", "*")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_load_downloads_once(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    first = load("cifar10", data_dir=str(tmp_path / "data"))
    assert f"'cifar10' is not in {tmp_path / 'data'}" in capsys.readouterr().out
    second = load("cifar10", data_dir=str(tmp_path / "data"))
    np.testing.assert_array_equal(first.train_images, second.train_images)
    assert len(first.train_images) == 20
    assert server.requests == 1
    assert os.listdir(tmp_path / "data") == ["cifar10"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": 404}, "404"),
        ({"announced_bytes": 10**6}, r"broke off after \d+ of 1000000 bytes"),
    ],
)
def test_failed_download_says_how_to_prepare_by_hand(
    server: Server, tmp_path: Path, change: dict, reason: str
) -> None:
    vars(server).update(change)
    data_dir = tmp_path / "my data"
    with pytest.raises(UserError, match=reason) as error:
        load("cifar10", data_dir=str(data_dir))
    message = str(error.value)
    assert "\n" not in message
    assert f"not prepared in {data_dir}" in message
    assert (
        "python -m rcjax.data.prepare cifar10 --archive=cifar-10-binary.tar.gz "
        f"--data_dir='{data_dir}'"
    ) in message
    assert server.requests == 1
    assert not data_dir.exists()


def test_download_of_other_bytes_is_refused(server: Server, tmp_path: Path) -> None:
    server.body = server.body[::-1]
    with pytest.raises(UserError, match=r"not cifar-10-binary\.tar\.gz as published"):
        load("cifar10", data_dir=str(tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_offline_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    (published,) = published_archives.ARCHIVES["cifar10"]
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody_listens.getsockname()[1]}/cifar-10-binary.tar.gz"
        monkeypatch.setitem(
            published_archives.ARCHIVES, "cifar10", (dataclasses.replace(published, url=url),)
        )
        with pytest.raises(UserError, match=r"cannot be downloaded .*Connection refused") as error:
            load("cifar10", data_dir=str(tmp_path))
    assert f"download {url} by hand" in str(error.value)
