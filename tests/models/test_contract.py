"""What every network promises, checked on all of them.

Tiny widths, the weights of the recipe (no initialisation to compile), and the compiler's quickest
settings: nearly all of the time is compilation.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from safetensors.numpy import save_file

from rcjax import count_regions, on_host
from rcjax.models import NAMES, functional, load_torch_checkpoint, load_torch_state_dict, predictor
from rcjax.models.torch_state_dict import torch_state_dict_of
from rcjax.training.checkpoints import Checkpoints
from rcjax.training.state import TrainState

from ..recipe import recipe_state_dict
from .reference import COMPILER, blank

CLASSES, BATCH = 3, 4
# Made of the blocks of another one, and of the stem of resnet18_imagenet.
ALIKE = {
    "resnet34", "resnet34_imagenet", "resnet50_imagenet", "senet18_imagenet",
    "efficientnet_b0_imagenet",
}  # fmt: skip
# Many layers, of kinds that other networks have too.
LONG = {
    "densenet121", "dpn92", "efficientnet_b0", "googlenet", "mobilenet_v2", "regnetx_200mf",
    "resnext29_2x64d", "shufflenet_v2", "simple_dla",
}  # fmt: skip
every_network = pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in ALIKE | LONG else n for n in NAMES],
)


def image_shape(name: str) -> tuple[int, int]:
    """(height and width, channels)."""
    if name == "cnn1d":
        return 1, 40
    return (64 if name.endswith("_imagenet") else 32), 3


def options(name: str) -> dict[str, int]:
    width = {"vit": 12, "googlenet": 12}.get(name, 4)  # the heads of vit share its width
    size, channels = image_shape(name)
    return {"width": width, "num_classes": CLASSES, "image_size": size, "channels": channels}


def images(name: str, count: int = BATCH, seed: int = 0) -> jax.Array:
    size, channels = image_shape(name)
    numbers = np.random.default_rng(seed).standard_normal((count, size, size, channels))
    return jnp.asarray(numbers, jnp.float32)


@functools.cache
def recipe_tensors(name: str) -> dict[str, np.ndarray]:
    shapes = {
        key: array.shape for key, array in torch_state_dict_of(blank(name, **options(name))).items()
    }
    return recipe_state_dict(shapes)


@functools.cache
def recipe_arrays(name: str):
    """(parameters, state) with the weights of the recipe."""
    model = blank(name, **options(name))
    load_torch_state_dict(model, recipe_tensors(name))
    _, parameters, state = nnx.split(model, nnx.Param, ...)
    return nnx.to_pure_dict(parameters), nnx.to_pure_dict(state)


def compiled(function):
    """jax.jit with the quickest compilation, and how often it was traced."""
    traces = []

    def counted(*arguments):
        traces.append(1)
        return function(*arguments)

    return jax.jit(counted, compiler_options=COMPILER), traces


@every_network
def test_evaluation(name):
    """Shape, purity, independence of the batch, one compilation, regions."""
    arrays = recipe_arrays(name)
    evaluate, traces = compiled(predictor(name, **options(name)))
    batch = images(name)
    logits = np.asarray(evaluate(*arrays, batch))
    assert (logits.shape, logits.dtype) == ((BATCH, CLASSES), np.float32)
    assert np.isfinite(logits).all()

    others = evaluate(*arrays, images(name, seed=1).at[0].set(batch[0]))
    scale = np.abs(logits).max()
    np.testing.assert_allclose(others[0], logits[0], rtol=0, atol=1e-6 * scale)
    assert np.all(np.any(others[1:] != logits[1:], axis=1))
    np.testing.assert_array_equal(evaluate(*arrays, batch), logits)
    assert len(traces) == 1

    def raw(points):
        """Logits in batches of one size, for which the network is compiled already."""
        padded = np.resize(points, (-(-len(points) // BATCH) * BATCH, *points.shape[1:]))
        parts = [evaluate(*arrays, padded[at : at + BATCH]) for at in range(0, len(padded), BATCH)]
        return np.concatenate(parts)[: len(points)]

    # Far apart, and less their mean: with the recipe's weights one class mostly wins everywhere.
    ends = 4 * images(name, count=4)
    mean = raw(ends).mean(axis=0)
    anchors = ends.reshape(2, 2, *batch.shape[1:])
    dense, adaptive = (
        count_regions(on_host(lambda points: raw(points) - mean), anchors, points=33, method=method)
        for method in ("grid", "adaptive")
    )
    np.testing.assert_array_equal(dense.counts, adaptive.counts)
    assert dense.counts.max() > 1
    assert len(traces) == 1


def training_step(name: str, precision: str):
    """(parameters, state, batch) -> ((loss, new state), gradients)."""
    _, apply = functional(name, compute_dtype=precision, **options(name))

    def step(parameters, state, batch):
        def loss(parameters):
            logits, new_state = apply(parameters, state, batch, True)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.arange(BATCH) % 3)
            return losses.mean(), new_state

        return jax.value_and_grad(loss, has_aux=True)(parameters)

    return step


QUICK = ("resnet18", "vgg19", "mlp", "cnn", "cnn1d")  # their training compiles in a few seconds
trained = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in NAMES
        if name not in ALIKE
    ],
)


def assert_same_shapes_and_dtypes(new, old):
    jax.tree.map(
        lambda a, b: np.testing.assert_equal((a.shape, a.dtype), (b.shape, b.dtype)), new, old
    )


@trained
def test_evaluation_in_bfloat16_rounds_the_logits(name):
    arrays, batch = recipe_arrays(name), images(name)
    logits = np.asarray(compiled(predictor(name, **options(name)))[0](*arrays, batch))
    _, apply = functional(
        name, compute_dtype="bfloat16", convolution_gradient="plain", **options(name)
    )
    rounded, _ = compiled(lambda parameters, state, batch: apply(parameters, state, batch, False))
    rough, same_state = rounded(*arrays, batch)
    jax.tree.map(np.testing.assert_array_equal, same_state, arrays[1])
    assert rough.dtype == np.float32
    assert np.any(rough != logits)
    np.testing.assert_allclose(rough, logits, rtol=0, atol=0.1 * np.abs(logits).max())


@trained
def test_training(name):
    """Two steps: finite gradients that reach the parameters, a new state, one compilation."""
    parameters, state = recipe_arrays(name)
    train, traces = compiled(training_step(name, "float32"))
    (loss, new_state), gradients = train(parameters, state, images(name))
    assert np.isfinite(loss)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((gradients, new_state)))
    assert_same_shapes_and_dtypes(gradients, parameters)
    assert_same_shapes_and_dtypes(new_state, state)
    # Some ReLUs of tiny networks let nothing through.
    learning = [bool(np.any(slope)) for slope in jax.tree.leaves(gradients)]
    assert np.mean(learning) > 0.8
    train(parameters, new_state, images(name, seed=1))
    assert len(traces) == 1


@trained
def test_training_in_bfloat16_keeps_float32_parameters(name):
    """Traced and not compiled, which shows every shape and dtype: the arithmetic is float32's."""
    parameters, state = recipe_arrays(name)
    step = training_step(name, "bfloat16")
    (loss, new_state), gradients = jax.eval_shape(step, parameters, state, images(name))
    assert (loss.shape, loss.dtype) == ((), np.float32)
    assert_same_shapes_and_dtypes(gradients, parameters)
    assert_same_shapes_and_dtypes(new_state, state)


@every_network
def test_checkpoints(name, tmp_path):
    """Every array comes back with its bits, from rcjax's checkpoints and as PyTorch's tensors."""
    parameters, state = recipe_arrays(name)
    saved = TrainState(
        parameters=parameters,
        model_state=state,
        optimizer_state={},
        key=jax.random.key(1),
        epoch=jnp.int32(5),
    )
    saved = jax.tree.map(jnp.asarray, saved)
    folder = Checkpoints(tmp_path / "checkpoints", keep=1)
    folder.save(saved, {"epoch": 5})
    restored, messages = folder.restore_newest(saved)
    folder.close()
    assert (messages, restored.progress) == ([], {"epoch": 5})
    assert jax.tree.structure(restored.state) == jax.tree.structure(saved)
    jax.tree.map(np.testing.assert_array_equal, restored.state["parameters"], parameters)
    jax.tree.map(np.testing.assert_array_equal, restored.state["model_state"], state)

    tensors = recipe_tensors(name)
    save_file({key: tensor.copy() for key, tensor in tensors.items()}, tmp_path / "x.safetensors")
    model = blank(name, **options(name))
    load_torch_checkpoint(model, tmp_path / "x.safetensors")
    written = torch_state_dict_of(model)
    assert written.keys() == tensors.keys()
    for key, array in written.items():
        np.testing.assert_array_equal(array, tensors[key])
