"""Checkpoint files into networks: what is read, what is refused, and that no code of theirs runs.

The files in checkpoints/ were written by torch.save of PyTorch 2.13: the recipe's weights (see
tests/recipe.py) of a small mlp under "net" with the prefix "module.", one weight not contiguous,
two biases in one storage, beside an accuracy and an epoch.
"""

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from rcjax.errors import UserError
from rcjax.models import create, load_torch_checkpoint
from rcjax.models.torch_checkpoint import read_torch_checkpoint
from rcjax.models.torch_pickle import LEGACY_MAGIC, LEGACY_PROTOCOL
from rcjax.models.torch_state_dict import torch_state_dict_of

from ..recipe import recipe_state_dict

FOLDER = Path(__file__).with_name("checkpoints")
FILES = ("mlp.pth", "mlp_legacy.pth")


def small_network():
    return create("mlp", width=4, image_size=2, num_classes=3)


def recipe_weights() -> dict[str, np.ndarray]:
    shapes = {key: array.shape for key, array in torch_state_dict_of(small_network()).items()}
    return recipe_state_dict(shapes)


def assert_recipe(model):
    for key, array in torch_state_dict_of(model).items():
        np.testing.assert_array_equal(array, recipe_weights()[key])


def refused(path: Path) -> str:
    """The one line with which a file is refused; the network stays as it was."""
    model = small_network()
    before = torch_state_dict_of(model)
    with pytest.raises(UserError) as error:
        load_torch_checkpoint(model, path)
    for key, array in torch_state_dict_of(model).items():
        np.testing.assert_array_equal(array, before[key])
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", FILES)
def test_files_of_pytorch_are_read_without_pytorch(name):
    model = small_network()
    load_torch_checkpoint(model, FOLDER / name)
    assert_recipe(model)


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_safetensors_and_prefixes(prefix, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({prefix + key: array for key, array in recipe_weights().items()}, path)
    model = small_network()
    load_torch_checkpoint(model, str(path))
    assert_recipe(model)


@pytest.mark.parametrize(
    ("dtype", "values", "data"),
    [
        ("BF16", [1.5, -2.0], b"\xc0\x3f\x00\xc0"),
        ("F16", [1.5, -2.0], np.float16([1.5, -2]).tobytes()),
        ("F64", [1.5, -2.0], np.float64([1.5, -2]).tobytes()),
        ("I64", [7, -2], np.int64([7, -2]).tobytes()),
    ],
)
def test_types_of_safetensors(dtype, values, data, tmp_path):
    header = json.dumps({"x": {"dtype": dtype, "shape": [2], "data_offsets": [0, len(data)]}})
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + data)
    assert read_torch_checkpoint(path)["x"].astype(float).tolist() == values


def test_tensors_that_do_not_fit_are_named(tmp_path):
    tensors = recipe_weights() | {"extra": np.zeros(3), "layers.4.bias": np.zeros(5)}
    del tensors["layers.0.bias"]
    path = tmp_path / "other.safetensors"
    save_file(tensors, path)
    message = refused(path)
    for part in ("missing layers.0.bias", "unexpected extra", "layers.4.bias [5] instead of [3]"):
        assert part in message


@pytest.mark.parametrize("kept", [0, 1, 30, 200, 0.5, 0.95])
@pytest.mark.parametrize("name", [*FILES, "mlp.safetensors"])
def test_truncated_files_are_refused(name, kept, tmp_path):
    path = tmp_path / name
    if name.endswith(".safetensors"):
        save_file(recipe_weights(), path)
        whole = path.read_bytes()
    else:
        whole = (FOLDER / name).read_bytes()
    path.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    assert "is damaged, or is no checkpoint" in refused(path)


def test_a_changed_byte_is_noticed(tmp_path):
    content = bytearray((FOLDER / "mlp.pth").read_bytes())
    position = content.index(recipe_weights()["layers.4.bias"].tobytes())
    content[position] ^= 1
    (tmp_path / "mlp.pth").write_bytes(content)
    assert "Bad CRC-32" in refused(tmp_path / "mlp.pth")


class Payload:
    """Unpickled the usual way, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def as_zip(content: bytes, name: str = "archive/data.pkl") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def as_legacy(content: bytes) -> bytes:
    head = (LEGACY_MAGIC, LEGACY_PROTOCOL, {"little_endian": True})
    return b"".join(pickle.dumps(part, 2) for part in head) + content


@pytest.mark.parametrize("wrap", [as_zip, as_legacy, bytes])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_in_a_file_is_refused_and_not_run(wrap, protocol, tmp_path):
    payload = pickle.dumps({"net": Payload(tmp_path / "ran")}, protocol)
    pickle.loads(payload)
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    (tmp_path / "bad.pth").write_bytes(wrap(payload))
    message = refused(tmp_path / "bad.pth")
    assert ".system, which is no tensor" in message
    assert "save model.state_dict()" in message
    assert not (tmp_path / "ran").exists()


# Pickles by hand, protocol 2: what a file could do with the names that it may use.
STORAGE = b"X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02tQ"
TENSOR = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((" + STORAGE


@pytest.mark.parametrize(
    "content",
    [
        TENSOR + b"K\x00K\x03\x85K\x01\x85\x89)tR.",  # three numbers of a storage of two
        TENSOR + b"K\x02K\x01\x85K\x01\x85\x89)tR.",  # begins after its end
        TENSOR + b"K\x00K\x02\x85J\xff\xff\xff\xff\x85\x89)tR.",  # a negative stride
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x08\0\0\0__code__K\x01sb.",
        b"\x80\x02ccollections\nOrderedDict\n(N}X\x04\0\0\0keysK\x01stb.",
    ],
)
def test_forged_pickles_are_refused(content, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.pth", "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/data/0", np.float32([1, 2]).tobytes())
    assert "is damaged, or is no checkpoint" in refused(tmp_path / "bad.pth")


def test_a_forged_tensor_within_its_storage_is_read(tmp_path):
    """The pickles above are refused for what they ask, not for how they are written."""
    content = b"\x80\x02}X\x01\0\0\0x" + TENSOR[2:] + b"K\x00K\x02\x85K\x01\x85\x89)tRs."
    with zipfile.ZipFile(tmp_path / "good.pth", "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/data/0", np.float32([1, 2]).tobytes())
    assert read_torch_checkpoint(tmp_path / "good.pth")["x"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (as_zip(b"", "photo.jpg"), "no checkpoint of PyTorch: it has no data.pkl"),
        (as_zip(pickle.dumps([1, 2])), "holds a list, where a state_dict was expected"),
        (as_zip(pickle.dumps({"epoch": 3})), "a dictionary with the keys epoch, where"),
        (b"no checkpoint at all", "is damaged, or is no checkpoint"),
    ],
)
def test_other_files_are_refused(content, message, tmp_path):
    (tmp_path / "file.pth").write_bytes(content)
    assert message in refused(tmp_path / "file.pth")


def test_files_that_cannot_be_read_are_refused(tmp_path):
    assert "No such file" in refused(tmp_path / "absent.pth")
    assert "Is a directory" in refused(tmp_path)
