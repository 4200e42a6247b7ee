"""Checkpoint files written by PyTorch itself."""

import argparse
import collections
import datetime
import decimal
import pathlib
import types
import uuid
from array import array as number_array

import numpy as np
import pytest

from rcjax.errors import UserError
from rcjax.models import create, load_torch_checkpoint
from rcjax.models.torch_checkpoint import read_torch_checkpoint
from rcjax.models.torch_state_dict import load_torch_state_dict, torch_state_dict_of

pytestmark = pytest.mark.torch
FORMATS = pytest.mark.parametrize("new_format", [True, False], ids=["zip", "legacy"])


def make_module():
    """The small mlp, with its weights under the names of rcjax's."""
    import torch

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            layers = [torch.nn.Linear(12, 4), torch.nn.ReLU(), torch.nn.Linear(4, 4)]
            self.layers = torch.nn.Sequential(*layers, torch.nn.ReLU(), torch.nn.Linear(4, 3))

        def forward(self, images):
            return self.layers(images.flatten(1))

    torch.manual_seed(0)
    return Module()


def save(path, content, new_format=True):
    import torch

    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    return path


@FORMATS
def test_tensors_equal_those_that_pytorch_reads(new_format, tmp_path):
    import torch

    numbers = torch.arange(24.0).reshape(2, 3, 4)
    tensors = {
        "transposed": numbers.permute(2, 0, 1),
        "every second": numbers[:, :, 1::2],
        "repeated": torch.tensor([1.0, 2.0]).expand(3, 2),
        "scalar": torch.tensor(3),
        "empty": torch.zeros(0, 4),
        "parameter": torch.nn.Parameter(numbers.clone()),
        "shared": numbers,
    }
    for dtype in ("float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"):
        tensors[dtype] = numbers.to(getattr(torch, dtype))
    tensors["bool"] = numbers > 5
    path = save(tmp_path / "file.pt", tensors, new_format)
    read = read_torch_checkpoint(path)
    expected = torch.load(path, weights_only=True)
    assert read.keys() == expected.keys()
    for key, tensor in expected.items():
        assert read[key].dtype.name == str(tensor.dtype).removeprefix("torch.")
        np.testing.assert_array_equal(read[key].astype(float), tensor.detach().double().numpy())


@FORMATS
@pytest.mark.parametrize("wrapper", [None, "net", "state_dict", "model_state_dict", "model"])
def test_a_training_programs_checkpoint_gives_the_same_network(new_format, wrapper, tmp_path):
    import torch

    module = make_module()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4])
    module(torch.ones(2, 3, 2, 2)).sum().backward()
    optimizer.step()
    content = torch.nn.DataParallel(module).state_dict()
    if wrapper:
        content = {
            wrapper: content,
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "epoch": 3,
            "accuracy": np.float64(91.5),
            "best": torch.tensor(91.5),
            "frozen": {"layers.0", torch.float16},
            "device": torch.device("cpu"),
            "arguments": argparse.Namespace(rate=0.1, size=torch.Size([2])),
        }
    model = create("mlp", width=4, image_size=2, num_classes=3)
    load_torch_checkpoint(model, save(tmp_path / "file.pth", content, new_format))
    # Both flatten the images in the order of their own axes: the same twelve numbers.
    numbers = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    expected = module(torch.from_numpy(numbers)).detach().numpy()
    actual = model(numbers.reshape(5, 2, 2, 3))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@FORMATS
@pytest.mark.parametrize("attribute", ["", "model.", "net."])
def test_averaged_weights_and_attributes_of_other_modules(new_format, attribute, tmp_path):
    import torch

    module = make_module()
    tensors = {attribute + key: tensor for key, tensor in module.state_dict().items()}
    if not attribute:
        tensors = torch.optim.swa_utils.AveragedModel(module).state_dict()
        assert "n_averaged" in tensors
    content = {"state_dict": tensors, "hyper_parameters": {"rate": 0.1}}
    model = create("mlp", width=4, image_size=2, num_classes=3)
    load_torch_checkpoint(model, save(tmp_path / "file.ckpt", content, new_format))
    expected = module.layers[4].weight.detach().numpy()
    np.testing.assert_array_equal(torch_state_dict_of(model)["layers.4.weight"], expected)


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float64"])
def test_tensors_of_other_types_become_those_of_the_network(kind):
    import torch

    module = make_module().to(getattr(torch, kind))
    model = create("mlp", width=4, image_size=2, num_classes=3)
    load_torch_state_dict(model, module.state_dict())
    for key, array in torch_state_dict_of(model).items():
        np.testing.assert_array_equal(array, module.state_dict()[key].float().numpy())


@FORMATS
def test_whole_modules_are_refused_with_what_to_save_instead(new_format, tmp_path):
    import torch

    path = save(tmp_path / "whole.pth", torch.nn.Linear(2, 2), new_format)
    with pytest.raises(UserError, match=r"torch\.nn\..*Linear.*save model\.state_dict\(\) instead"):
        read_torch_checkpoint(path)


def test_torchscript_and_several_networks_are_refused(tmp_path):
    import torch

    module = make_module()
    path = tmp_path / "script.pt"
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.trace(module, torch.ones(1, 3, 2, 2)).save(path)
    with pytest.raises(UserError, match=r"save model\.state_dict\(\) instead"):
        read_torch_checkpoint(path)
    path = save(tmp_path / "two.pth", {"net": module.state_dict(), "model": module.state_dict()})
    with pytest.raises(UserError, match="several networks, under net, model"):
        read_torch_checkpoint(path)


BESIDE = {
    "deque": collections.deque([1, 2], maxlen=5),
    "defaultdict": collections.defaultdict(list, {"losses": [1.0]}),
    "datetime": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
    "timedelta": datetime.timedelta(1),
    "slice": slice(1, 2),
    "range": range(3),
    "set": {1, 2},
    "type": [int, str, dict],
    "decimal": decimal.Decimal("1.5"),
    "uuid": uuid.UUID(int=5),
    "namespace": types.SimpleNamespace(rate=0.1),
    "array": number_array("d", [1.0]),
    "path": pathlib.PurePosixPath("a/b"),
    "RandomState": np.random.RandomState(0),
    "Generator": np.random.default_rng(0),
    "SeedSequence": np.random.SeedSequence(1),
    "masked": np.ma.array([1, 2], mask=[0, 1]),
    "objects": np.array(["a", None], object),
}


@FORMATS
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_programs_keep_beside_their_weights_is_passed_over(new_format, protocol, tmp_path):
    import torch

    beside = BESIDE | {"layout": torch.strided, "version": torch.__version__}
    buffer = torch.nn.parameter.Buffer(torch.full((2,), 7.0))
    for name, value in beside.items():
        content = {"other": value, "state_dict": {"a": torch.ones(3), "b": buffer}}
        torch.save(
            content,
            tmp_path / name,
            pickle_protocol=protocol,
            _use_new_zipfile_serialization=new_format,
        )
        read = read_torch_checkpoint(tmp_path / name)
        assert {key: array.tolist() for key, array in read.items()} == {"a": [1] * 3, "b": [7] * 2}


@pytest.mark.filterwarnings("ignore")  # PyTorch is about to drop some of these kinds
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda torch: torch.eye(2).to_sparse(), r"a sparse tensor: save tensor\.to_dense"),
        (lambda torch: torch.eye(2).to_sparse_csr(), r"a sparse tensor: save tensor\.to_dense"),
        (
            lambda torch: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
            r"a quantised tensor: save tensor\.dequantize",
        ),
        (lambda torch: torch.ones(2, device="meta"), "a tensor without numbers"),
        (lambda torch: torch.ones(2).to(torch.float8_e4m3fn), r"float8.*tensor\.float"),
        (
            lambda torch: torch.ones(2, dtype=torch.complex64),
            r"torch\.ComplexFloatStorage, a complex tensor: save its real",
        ),
    ],
)
def test_tensors_of_other_kinds_are_refused_with_what_to_save(make, message, tmp_path):
    import torch

    path = save(tmp_path / "file.pth", {"weight": make(torch)})
    with pytest.raises(UserError, match=message):
        read_torch_checkpoint(path)
