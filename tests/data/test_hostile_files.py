"""Files that were damaged or made to do harm: one line, at once, in little memory."""

import os
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rcjax.data import load, open_stream
from rcjax.data.streamed import batches
from rcjax.errors import UserError

from .test_own_data import arrays, make_folder, save

MEBIBYTE = 2**20


def refused(name: str) -> str:
    """The one line with which `load`, or for streams `open_stream`, refuses a data set."""
    with pytest.raises(UserError) as error:
        (open_stream if name.startswith("stream:") else load)(name)
    message = str(error.value)
    assert message.isprintable()
    return message


@pytest.mark.parametrize("pack", [np.savez, np.savez_compressed])
def test_any_damage_to_an_npz_is_one_line_or_harmless(tmp_path: Path, pack: Callable) -> None:
    """Two hundred cuts and changed bits, anywhere: no other error, and no other numbers."""
    contents = {name: array[:, ...] for name, array in arrays().items()}
    path = tmp_path / "set.npz"
    pack(path, **contents)
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    messages = []
    for place in random.integers(0, len(whole), 200).tolist():
        changed = bytearray(whole[:place] if place % 2 else whole)
        if not place % 2:
            changed[place] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        try:
            dataset = load(str(path))
        except UserError as error:
            messages.append(str(error))
        else:
            for name, array in contents.items():
                np.testing.assert_array_equal(getattr(dataset, name), array)
    assert len(messages) > 150
    assert all(str(path) in message and message.isprintable() for message in messages)


def write_zip(path: Path, members: dict[str, bytes], **choices) -> str:
    with zipfile.ZipFile(path, "w", **choices) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return str(path)


def npy(shape: str, dtype: str = "|u1", content: bytes = b"") -> bytes:
    """An array in a file, whose header says what it likes."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (npy("(1099511627776, 8, 8)"), "is shorter or longer than its shape"),
        (npy("(-1, -1)", content=b"0"), "cannot be read"),
        (npy("(2, 2", content=b"0000"), "cannot be read"),
        (npy("((((((", content=b"0000"), "cannot be read"),
        (npy("(1,)", "|O", b"00000000"), "holds Python objects"),
        (npy("(1,)", "nothing", b"0"), "cannot be read"),
        (b"\x93NUMPY\x09\x09", "cannot be read"),
        (b"no array", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_arrays_whose_headers_lie(tmp_path: Path, images: bytes, message: str) -> None:
    labels = npy("(2,)", content=b"\0\1")
    path = write_zip(tmp_path / "set.npz", {"images.npy": images, "labels.npy": labels})
    assert message in refused(path)


def test_members_that_are_no_arrays_are_not_taken_for_any(tmp_path: Path) -> None:
    members = {"images": b"0000", "labels.npy": npy("(2,)", content=b"\0\1"), "a\x1b[31m\n": b""}
    message = refused(write_zip(tmp_path / "set.npz", members))
    assert message.endswith(
        "holds labels; needed are train_images, train_labels, test_images, "
        "test_labels, or x_train, y_train, x_test, y_test, or images, labels, or x, y"
    )


def test_what_nobody_reads_is_not_unpacked_and_what_is_read_has_a_limit(tmp_path: Path) -> None:
    contents = arrays() | {"more": np.zeros(80 * MEBIBYTE, np.uint8)}
    np.savez_compressed(tmp_path / "set.npz", **contents)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    load(str(tmp_path / "set.npz"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024  # KiB
    zeros = npy("(268435457,)") + bytes(256 * MEBIBYTE + 1)
    labels = npy("(2,)", content=b"\0\1")
    options = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": 1}
    path = write_zip(tmp_path / "bomb.npz", {"images.npy": zeros, "labels.npy": labels}, **options)
    assert "unpacks to 256, more than 100 times as much" in refused(path)
    members = {"images.npy": npy("(1,)", content=b"0"), "labels.npy": labels}
    path = write_zip(tmp_path / "lzma.npz", members, compression=zipfile.ZIP_LZMA)
    assert "packed in a way that NumPy never uses" in refused(path)


def fifo(path: Path) -> str:
    os.mkfifo(path)
    return str(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: fifo(root / "set.npz"), "a FIFO instead of a file"),
        (lambda root: os.symlink("/dev/zero", root / "a.npz") or f"{root}/a.npz", "a device inst"),
        (lambda root: os.mkdir(root / "a.npz") or f"{root}/a.npz", "Is a directory"),
        (lambda root: os.symlink("a.npz", root / "a.npz") or f"{root}/a.npz", "Too many levels of"),
        (lambda root: f"{root}/{'x' * 300}.npz", "File name too long"),
        (lambda root: "~nosuchuser/a.npz", "the home folder of an unknown user"),
        (lambda root: "a\0b.npz", "the name holds a NUL character"),
        (lambda root: f"{root}/a\nb.npz", "a\\nb.npz"),
        (lambda root: f"{root}/a\udcff.npz", "a\\udcff.npz"),
    ],
)
def test_npz_that_is_no_file(tmp_path: Path, make: Callable, message: str) -> None:
    assert message in refused(make(tmp_path))


def loop(root: Path) -> None:
    (root / "train" / "bird").symlink_to("bird")


def loop_of_a_picture(root: Path) -> None:
    (root / "train" / "cat" / "a.jpg").symlink_to("a.jpg")


@pytest.mark.parametrize("kind", ["folder:", "stream:"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (loop, "train/bird"),
        (loop_of_a_picture, "train/cat/a.jpg"),
        (lambda root: os.mkfifo(root / "train" / "cat" / "a.jpg"), "a.jpg is no file; replace it"),
        (lambda root: (root / "train" / "cat" / "a\nb.txt").touch(), "a\\nb.txt is no picture"),
    ],
)
def test_folders_with_what_is_no_picture(
    tmp_path: Path, kind: str, damage: Callable, message: str
) -> None:
    make_folder(tmp_path, size=lambda number: (8, 8))
    damage(tmp_path)
    assert message in refused(f"{kind}{tmp_path}")


@pytest.mark.parametrize("kind", ["folder:", "stream:"])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("x" * 300, "File name too long"),
        ("~nosuchuser/a", "unknown user"),
        ("a\0", "NUL"),
        ("", ""),
    ],
)
def test_names_of_folders_that_cannot_be(kind: str, path: str, message: str) -> None:
    assert message in refused(kind + path)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    make_folder(tmp_path, size=lambda number: (8, 8))
    (tmp_path / "train").chmod(0)
    assert "Permission denied" in refused(f"folder:{tmp_path}")


def test_home_folders_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    make_folder(tmp_path / "set", size=lambda number: (8, 8))
    save(tmp_path, arrays())
    assert load("~/set.npz").train_size == 12
    assert load("folder:~/set").train_size == 8
    assert open_stream("stream:~/set").train_size == 8


def test_only_jpeg_and_png_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostScript under the name of a picture would be handed to Ghostscript."""
    make_folder(tmp_path, size=lambda number: (8, 8))
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    path = tmp_path / "train" / "cat" / "0.JPEG"
    image = Image.open(path).copy()
    for kind in ("EPS", "GIF", "TIFF", "WEBP", "BMP", "ICO"):
        image.save(path, kind)
        message = refused(f"folder:{tmp_path}")
        assert "cat/0.JPEG cannot be decoded (ValueError: neither a JPEG nor a PNG" in message
        stream = open_stream(f"stream:{tmp_path}", image_size=4)
        with pytest.raises(UserError, match="neither a JPEG nor a PNG"):
            list(batches(stream.train, np.arange(8), 8))
    assert not (tmp_path / "ran").exists()
    image.save(path, "PNG")  # whatever the extension says
    assert load(f"folder:{tmp_path}").train_size == 8


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_of_too_many_pixels(tmp_path: Path) -> None:
    make_folder(tmp_path, size=lambda number: (8, 8))
    Image.new("1", (9_500, 9_500)).save(tmp_path / "train" / "cat" / "0.png")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = refused(f"folder:{tmp_path}")
    assert "cat/0.png cannot be decoded (ValueError: 9500 x 9500 pixels, more than" in message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024  # KiB


def test_damaged_pictures_are_named(tmp_path: Path) -> None:
    """Changed bytes anywhere in a JPEG and a PNG: an image, or a line with its name."""
    make_folder(tmp_path, size=lambda number: (8, 8))
    path = tmp_path / "train" / "cat" / "0.JPEG"
    random, messages = np.random.default_rng(0), []
    for kind in ("JPEG", "PNG"):
        Image.open(tmp_path / "train" / "dog" / "0.JPEG").save(path, kind)
        whole = path.read_bytes()
        for place in random.integers(0, len(whole), 60).tolist():
            changed = bytearray(whole[:place] if place % 2 else whole)
            if not place % 2:
                changed[place] ^= 1 << int(random.integers(8))
            path.write_bytes(changed)
            try:
                load(f"folder:{tmp_path}", image_size=4)
            except UserError as error:
                messages.append(str(error))
    assert len(messages) > 60
    assert all(str(path) in message and message.isprintable() for message in messages)
