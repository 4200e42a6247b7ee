"""Checkpoint files into networks: what is read, what is refused, and that no code of theirs runs.

The files in checkpoints/ were written by torch.save of PyTorch 2.13: the recipe's weights (see
tests/recipe.py) of a small mlp. mlp*.pth have them under "net" with the prefix "module.", one
weight not contiguous, two biases in one storage, beside an accuracy and an epoch; example.pth as
PyTorch's ImageNet example has them, under "state_dict" beside an accuracy that is a tensor, with
the states of SGD and MultiStepLR and with sets, a type of numbers, a device and the like.
"""

import io
import json
import os
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from rcjax.errors import UserError
from rcjax.models import create, load_torch_checkpoint
from rcjax.models.torch_checkpoint import read_torch_checkpoint
from rcjax.models.torch_file import LEGACY_MAGIC, LEGACY_PROTOCOL
from rcjax.models.torch_state_dict import load_torch_state_dict, torch_state_dict_of

from ..recipe import recipe_state_dict

FOLDER = Path(__file__).with_name("checkpoints")
FILES = ("mlp.pth", "mlp_legacy.pth", "example.pth")


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


PREFIXES = ("", "module.", "_orig_mod.", "module._orig_mod.", "model.", "net._orig_mod.")


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("averaged", [{}, {"n_averaged": np.array(7)}], ids=["plain", "averaged"])
def test_safetensors_and_prefixes(prefix, averaged, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({prefix + key: array for key, array in recipe_weights().items()} | averaged, path)
    model = small_network()
    load_torch_checkpoint(model, str(path))
    assert_recipe(model)


def test_prefixes_that_lead_to_another_network_stay(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"model.conv.weight": np.zeros(3), "model.conv.bias": np.zeros(3)}, path)
    assert "unexpected model.conv.bias, model.conv.weight" in refused(path)


@pytest.mark.parametrize(
    "prefix", ["model.", "backbone.", "ema_model.", "_forward_module.", "student.", "a.b.", ""]
)
def test_a_prefix_that_not_all_keys_share_is_named(prefix, tmp_path):
    tensors = {prefix + key: array for key, array in recipe_weights().items()}
    path = tmp_path / "other.safetensors"
    save_file(tensors | {"criterion.weight": np.zeros(3)}, path)
    message = refused(path)
    assert "unexpected " in message
    assert (f"are there behind {prefix!r}; pass {{key.removeprefix({prefix!r})" in message) == bool(
        prefix
    )
    # The remedy, carried out.
    given = {prefix + "more": 0} | tensors
    inner = {key.removeprefix(prefix): given[key] for key in tensors if key.startswith(prefix)}
    model = small_network()
    load_torch_state_dict(model, inner)
    assert_recipe(model)


def test_two_networks_in_one_file_are_both_named(tmp_path):
    tensors = {f"{prefix}.{key}": a for key, a in recipe_weights().items() for prefix in "ab"}
    save_file(tensors, tmp_path / "both.safetensors")
    assert "behind 'a.' and behind 'b.'" in refused(tmp_path / "both.safetensors")


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(3, np.int8),
        np.zeros(3, bool),
        np.zeros(3, np.uint64),
        np.zeros(3, complex),
        np.zeros(3, "datetime64[s]"),
        np.array(["1", "2", "3"]),
        np.array([1, 2, None]),
        [1, 2, 3],
        ["1", "2", "3"],
    ],
)
def test_weights_that_are_no_floating_point_numbers(values):
    model = small_network()
    before = torch_state_dict_of(model)
    with pytest.raises(UserError, match=r"not of floating-point numbers layers\.4\.bias \("):
        load_torch_state_dict(model, recipe_weights() | {"layers.4.bias": values})
    for key, array in torch_state_dict_of(model).items():
        np.testing.assert_array_equal(array, before[key])


def test_weights_beyond_float32_are_named():
    weights = recipe_weights()
    wide = np.full(weights["layers.4.bias"].shape, 1e39)
    message = r"beyond float32 layers\.4\.bias; count the PyTorch module by on_host"
    with pytest.raises(UserError, match=message):
        load_torch_state_dict(small_network(), weights | {"layers.4.bias": wide})
    # Infinity itself is a number of float32.
    load_torch_state_dict(small_network(), weights | {"layers.4.bias": wide * np.inf})


class Unreadable:
    """Like a quantised or sparse tensor: not to be had as an array."""

    def __array__(self, *_, **__):
        raise RuntimeError("no\narray")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Unreadable(), "layers.4.bias is no array .RuntimeError: no array.; pass dense tensors"),
        ([[1.0], [2.0, 3.0]], "layers.4.bias is no array"),
        (np.ma.masked_invalid([1, np.nan, 3]), "layers.4.bias is a masked array"),
    ],
)
def test_weights_that_are_no_arrays(value, message):
    with pytest.raises(UserError, match=message):
        load_torch_state_dict(small_network(), recipe_weights() | {"layers.4.bias": value})


@pytest.mark.parametrize("name", ["resnet18", "resnet18_imagenet"])
@pytest.mark.parametrize("shortcut", ["shortcut", "downsample"])
@pytest.mark.parametrize("last", ["linear", "fc"])
def test_resnets_take_the_names_of_torchvision_and_of_the_cifar_networks(name, shortcut, last):
    sizes = {"num_classes": 3, "width": 2, "channels": 1}
    wanted = torch_state_dict_of(create(name, seed=1, **sizes))
    renamed = {
        re.sub("shortcut|downsample", shortcut, re.sub("^(linear|fc)", last, key)): value
        for key, value in wanted.items()
    }
    model = create(name, **sizes)
    load_torch_state_dict(model, renamed)
    for key, array in torch_state_dict_of(model).items():
        np.testing.assert_array_equal(array, wanted[key])
    twice = wanted | {"linear.bias": np.ones(3), "fc.bias": np.ones(3)}
    with pytest.raises(UserError, match=r"unexpected (fc|linear)\.bias"):
        load_torch_state_dict(model, twice)


@pytest.mark.parametrize("given", [[1, 2], None, {1: np.zeros(3)}])
def test_what_is_no_state_dict_is_refused(given):
    with pytest.raises(UserError, match=r"must be a mapping of texts to arrays, got .*state_dict"):
        load_torch_state_dict(small_network(), given)


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


@pytest.mark.parametrize("protocol", [2, 4])
def test_the_state_of_random_numbers_beside_a_network_is_passed_over(protocol, tmp_path):
    """`np.random.get_state()` and other arrays of NumPy, as training programs keep them."""
    state = pickle.dumps((np.random.RandomState(0).get_state(), np.float64(0.5)), protocol)
    names = b"ccollections\nOrderedDict\n)R"
    (start,) = [part for part in [b"\x80" + bytes([protocol])] if state.startswith(part)]
    inner = state[len(start) :].removesuffix(b".")
    if protocol == 4:
        inner = inner[9:]  # without its frame
    path = tmp_path / "good.pth"
    content = b"(X\x03\0\0\0rng" + inner + b"X\x03\0\0\0net" + names
    content += b"X\x01\0\0\0x" + WHOLE + b"sd."
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x04" + content)
        archive.writestr("archive/data/0", np.float32([1, 2]).tobytes())
    assert read_torch_checkpoint(path)["x"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("__builtin__", "getattr"),
        ("torch", "load"),
        ("torch.nn.parameter", "Parameter.__base__"),
        ("torch._utils", "_rebuild_parameter.__call__"),
        ("collections", "OrderedDict.fromkeys"),
    ],
)
def test_neighbours_of_what_is_allowed_are_refused(module, name, tmp_path):
    texts = [b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)]
    (tmp_path / "bad.pth").write_bytes(as_zip(b"\x80\x04" + b"".join(texts) + b"\x93."))
    assert f"it holds {module}.{name}, which is no tensor" in refused(tmp_path / "bad.pth")


# Pickles by hand, protocol 2: what a file could do with the names that it may use.
STORAGE = b"X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02tQ"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n((" + STORAGE
WHOLE = TENSOR + b"K\x00K\x02\x85K\x01\x85\x89)tR"
COUNTER, PARAMETER = b"ccollections\nCounter\n", b"ctorch.nn.parameter\nParameter\n"
SET_NEW = b"N}X\x07\0\0\0__new__" + COUNTER + b"s\x86b."  # BUILD: setattr(..., "__new__", ...)


def written(path: Path, content: bytes) -> Path:
    """A file with a pickle of protocol 2 and a storage of the numbers 1 and 2."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + content)
        archive.writestr("archive/data/0", np.float32([1, 2]).tobytes())
    return path


@pytest.mark.parametrize(
    "content",
    [
        TENSOR + b"K\x00K\x03\x85K\x01\x85\x89)tR.",  # three numbers of a storage of two
        TENSOR + b"K\x02K\x01\x85K\x01\x85\x89)tR.",  # begins after its end
        TENSOR + b"K\x00K\x02\x85J\xff\xff\xff\xff\x85\x89)tR.",  # a negative stride
        b"ctorch._utils\n_rebuild_tensor_v2\n}X\x08\0\0\0__code__K\x01sb.",
        b"ccollections\nOrderedDict\n(N}X\x04\0\0\0keysK\x01stb.",
        PARAMETER + SET_NEW,
        COUNTER + SET_NEW,
        PARAMETER + b")R.",  # without a tensor
        PARAMETER + b"K\x01\x85\x81.",  # of a number
        b"ctorch\nfloat32\nK\x01\x85R.",  # a type of numbers is called
        b"c__builtin__\nset\n)RK\x01\x85R.",  # what stands for a set is called
    ],
)
def test_forged_pickles_are_refused(content, tmp_path):
    assert "is damaged, or is no checkpoint" in refused(written(tmp_path / "bad.pth", content))


@pytest.mark.parametrize(
    "content",
    [
        WHOLE,
        # As PyTorch 0.3 writes a parameter: made of its tensor, then given a state.
        PARAMETER + WHOLE + b"\x85R(\x88\x89Ntb",
        PARAMETER + WHOLE + b"\x85\x81",
        # As PyTorch 2 does where a parameter has attributes.
        b"ctorch._utils\n_rebuild_parameter_with_state\n(" + WHOLE + b"\x88N}tR",
    ],
)
def test_forged_tensors_and_parameters_within_their_storage_are_read(content, tmp_path):
    """The pickles above are refused for what they ask, not for how they are written."""
    path = written(tmp_path / "good.pth", b"}X\x01\0\0\0x" + content + b"s.")
    assert read_torch_checkpoint(path)["x"].tolist() == [1, 2]


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
