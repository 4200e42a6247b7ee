"""Files that are written whole or not at all, and read with a line for whatever is wrong."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(content=st.dictionaries(st.text(), _VALUES))
def test_any_content_is_read_as_it_was_written(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("json") / "a.json"
    assert write_json(path, content) == content
    assert read_json(path, remedy="remove it") == content


def test_names_that_are_numbers_become_text(tmp_path):
    write_json(tmp_path / "a.json", {"by": {1: [{2: 3}]}})
    assert json.loads((tmp_path / "a.json").read_text()) == {"by": {"1": [{"2": 3}]}}
