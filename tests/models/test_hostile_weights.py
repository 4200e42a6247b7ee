"""Weight files that were damaged or made to do harm: one line, at once, in little memory."""

import json
import os
import pickle
import resource
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from rcjax.errors import UserError
from rcjax.models.torch_checkpoint import read_torch_checkpoint

from .test_torch_checkpoint import FOLDER, as_legacy, as_zip, recipe_weights, refused

MEBIBYTE = 2**20


def nested_key(levels: int, double: bool) -> bytes:
    """A pickle of {key: 0} whose key is a tuple of tuples, hashed in 2**levels steps if doubled."""
    twice = b"q\x00h\x00\x86" if double else b"\x85"  # memoise it; a pair of it and it; or (it,)
    return b"\x80\x02})" + twice * levels + b"K\x00s."


def one_key(text: str) -> bytes:
    return pickle.dumps({text: 0}, 2)


@pytest.mark.parametrize("wrap", [as_zip, as_legacy], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "content",
    [
        nested_key(60, double=True),
        nested_key(100_000, double=False),
        b"\x80\x04\x8f(" + nested_key(60, double=True)[3:-4] + b"\x90.",  # in a set
        b"\x80\x04(" + nested_key(60, double=True)[3:-4] + b"\x91.",  # in a frozen set
        b"\x80\x02(" + nested_key(60, double=True)[3:-4] + b"K\x00d.",  # in a dictionary
        b"\x80\x02ccollections\nOrderedDict\n](" # as pairs for an ordered dictionary
        + nested_key(60, double=True)[3:-4] + b"K\x00\x86e\x85R.",
        b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b".",  # bytes that are not there
        b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b".",
        b"\x80\x04\x95" + (2**40).to_bytes(8, "little") + b".",  # a frame that is not
        b"\x80\x02" + b"(" * 50_000 + b".",
        b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b".",
        b"\x80\x02K\x00r\xff\xff\xff\xff.",  # the number of a memo that would need 32 GiB
        b"\x80\x02I" + b"9" * 50_000 + b"\n.",
        one_key("\x1b[31m\n" * 3),
    ],
)  # fmt: skip
def test_pickles_that_would_hang_or_flood(wrap, content, tmp_path):
    (tmp_path / "bad.pth").write_bytes(wrap(content))
    tracemalloc.start()
    try:
        message = refused(tmp_path / "bad.pth")
        assert tracemalloc.get_traced_memory()[1] < 100 * MEBIBYTE
    finally:
        tracemalloc.stop()
    assert message.isprintable()
    assert len(message) < 1000


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (fifo, "a FIFO instead of a file"),
        (lambda path: Path("/dev/zero"), "a device instead of a file"),
        (lambda path: path.with_name("x" * 300), "File name too long"),
        (lambda path: Path("~nosuchuser/x.pth"), "home folder of an unknown user"),
        (lambda path: Path("a\0b"), r"a\x00b: the name holds a NUL character"),
    ],
)
def test_what_is_no_file_is_not_opened(make: Callable, message: str, tmp_path):
    with pytest.raises(UserError) as error:
        read_torch_checkpoint(make(tmp_path / "x.pth"))
    assert message in str(error.value)


def test_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save_file(recipe_weights(), tmp_path / "x.safetensors")
    assert read_torch_checkpoint("~/x.safetensors").keys() == recipe_weights().keys()


def test_compressed_entries_are_not_unpacked(tmp_path):
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(80 * MEBIBYTE))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "compressed, which PyTorch never does" in refused(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024  # KiB


def test_a_legacy_storage_larger_than_the_file(tmp_path):
    name = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu"
    (tmp_path / "bad.pth").write_bytes(as_legacy(b"\x80\x02" + name + b"\x8a\x05\0\0\0\0\x10tQ."))
    assert "storages larger than the file" in refused(tmp_path / "bad.pth")


@pytest.mark.parametrize(
    ("dtype", "shape", "data"),
    [
        ("F32", [0, 2**62], b""),
        ("F32", [2**64 - 1, 0], b""),
        ("F32", [2**62, 2**62], b"1234"),
        ("F8_E5M2", [4], b"1234"),
        ("NONE", [4], b"1234"),
    ],
)
def test_safetensors_whose_header_lies(dtype, shape, data, tmp_path):
    header = json.dumps({"x": {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}})
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + data)
    message = refused(path)
    assert "damaged, or is no checkpoint" in message or "not supported" in message


@pytest.mark.parametrize("name", ["mlp.pth", "mlp_legacy.pth", "example.pth", "mlp.safetensors"])
def test_any_damage_is_one_line_or_harmless(name, tmp_path):
    """A hundred cuts and a hundred changed bits, anywhere: no other error comes out."""
    path = tmp_path / name
    if name.endswith(".safetensors"):
        save_file(recipe_weights(), path)
        whole = path.read_bytes()
    else:
        whole = (FOLDER / name).read_bytes()
    random = np.random.default_rng(len(whole))
    messages = []
    for place in random.integers(0, len(whole), 200).tolist():
        changed = bytearray(whole[:place] if place % 2 else whole)
        if not place % 2:
            changed[place] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        try:
            read_torch_checkpoint(path)
        except UserError as error:
            messages.append(str(error))
    assert len(messages) > 90
    assert all(str(path) in message and message.isprintable() for message in messages)
