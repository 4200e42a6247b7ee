"""Files that are written whole or not at all, and read with a line for whatever is wrong."""

import pytest

from rcjax.errors import DamagedError
from rcjax.runtime import read_json, write_json


def test_a_file_that_an_editor_marked_is_read(tmp_path):
    write_json(tmp_path / "a.json", {"name": "Bär", "values": [1, 2.5]})
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_json(path, remedy="remove it") == {"name": "Bär", "values": [1, 2.5]}


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe{}", b"[]", b"[" * 100_000])
def test_what_is_no_object_is_damaged(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DamagedError, match=r"a\.json is damaged .*; remove it") as error:
        read_json(tmp_path / "a.json", remedy="remove it")
    assert str(error.value).isprintable()
