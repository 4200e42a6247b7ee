"""Files that are written whole or not at all, and read with a line for whatever is wrong."""

import os
from pathlib import Path

import pytest

from rcjax.errors import DamagedError, UserError
from rcjax.runtime import read_json, write_json


def test_a_file_that_an_editor_marked_is_read(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Bär", "values": [1, 2.5]})
    path = tmp_path / "a.json"
    text = path.read_text()
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        path.write_text(text, encoding=encoding)
        assert read_json(path, remedy="remove it") == {"name": "Bär", "values": [1, 2.5]}


def test_what_is_no_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path, words in (
        (tmp_path / "fifo", "a FIFO"),
        (tmp_path, "Is a dir"),
        ("/dev/zero", "a d"),
    ):
        with pytest.raises(UserError, match=rf"cannot be read \({words}.*; remove it"):
            read_json(Path(path), remedy="remove it")


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe{}", b"[]", b"[" * 100_000])
def test_what_is_no_object_is_damaged(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DamagedError, match=r"a\.json is damaged .*; remove it") as error:
        read_json(tmp_path / "a.json", remedy="remove it")
    assert str(error.value).isprintable()
