"""Networks by name: the two pure functions, the modules, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from rcjax.errors import UserError
from rcjax.models import create, functional, load_torch_state_dict, predictor
from rcjax.models.torch_state_dict import torch_state_dict_of

from .reference import logits_of

TINY = {"width": 4, "image_size": 8, "num_classes": 3}


def images(count: int = 4, size: int = 8) -> jax.Array:
    return jax.random.normal(jax.random.key(7), (count, size, size, 3))


@pytest.mark.parametrize("name", ["resnet18", "mlp"])
def test_module_and_functions_hold_the_same_network(name):
    model = create(name, seed=3, **TINY)
    parameters, state = functional(name, **TINY)[0](jax.random.key(3))
    _, model_parameters, model_state = nnx.split(model, nnx.Param, ...)
    for one, other in ((model_parameters, parameters), (model_state, state)):
        jax.tree.map(np.testing.assert_array_equal, nnx.to_pure_dict(one), other)
    logits = jax.jit(predictor(name, **TINY))(parameters, state, images())
    np.testing.assert_allclose(logits_of(model, images()), logits, rtol=1e-5, atol=1e-6)
    assert logits.shape == (4, 3)


def test_initial_weights_depend_on_the_seed_and_vectorise_over_keys():
    init, _ = functional("resnet18", **TINY)
    keys = jax.random.split(jax.random.key(0), 2)
    population = jax.jit(jax.vmap(init))(keys)
    initialised = jax.jit(init)
    for index in range(2):
        alone = initialised(keys[index])
        jax.tree.map(
            lambda many, one, index=index: np.testing.assert_array_equal(many[index], one),
            population,
            alone,
        )
    assert np.all(population[0]["conv1"]["weight"][0] != population[0]["conv1"]["weight"][1])


def test_equal_arguments_give_the_same_functions():
    assert functional("mlp", **TINY) == functional("mlp", **TINY | {"width": np.int64(4)})
    assert predictor("mlp", **TINY) is predictor("mlp", compute_dtype="float32", **TINY)
    assert (
        functional("mlp", **TINY)[1] is not functional("mlp", compute_dtype="bfloat16", **TINY)[1]
    )
    assert functional("mlp", width=128, image_size=8) == functional("mlp", image_size=8)


@pytest.mark.slow
def test_dropout_in_training_is_reproducible_from_the_state():
    init, apply = functional("efficientnet_b0", **TINY)
    parameters, state = init(jax.random.key(0))
    train = jax.jit(lambda state: apply(parameters, state, images(), True))
    first, after = train(state)
    np.testing.assert_array_equal(train(state)[0], first)
    state["dropout"] = after["dropout"]
    assert np.any(train(state)[0] != first)
    assert after["dropout"]["words"].dtype == np.uint32


def test_bfloat16_stays_close_to_float32():
    parameters, state = functional("resnet18", **TINY)[0](jax.random.key(0))
    exact, rounded = (
        jax.jit(functional("resnet18", compute_dtype=dtype, **TINY)[1], static_argnums=3)(
            parameters, state, images(), True
        )
        for dtype in ("float32", "bfloat16")
    )
    for one, other in zip(jax.tree.leaves(exact), jax.tree.leaves(rounded), strict=True):
        assert other.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=0, atol=0.05 * np.abs(one).max())
    assert np.any(exact[0] != rounded[0])


def test_float64_networks_are_float64_throughout():
    with jax.enable_x64(True):
        init, apply = functional("mlp", compute_dtype=jnp.float64, **TINY)
        parameters, state = init(jax.random.key(0))
        logits, _ = apply(parameters, state, images(), True)
        assert {array.dtype for array in jax.tree.leaves((parameters, logits))} == {
            np.dtype(np.float64)
        }


@pytest.mark.parametrize("name", ["resnet18", "senet18", "efficientnet_b0", "mobilenet_v2"])
def test_width_scales_the_whole_network(name):
    def sizes(width):
        init, _ = functional(name, width=width)
        shapes = jax.eval_shape(init, jax.random.key(0))[0]
        return shapes["conv1"]["weight"].shape[-1], shapes["linear"]["weight"].shape[0]

    published = sizes(None)
    assert sizes(published[0]) == published
    assert sizes(published[0] // 4) == (published[0] // 4, published[1] // 4)


def test_networks_take_other_image_sizes_but_the_mlp_only_its_own():
    for name in ("resnet18", "cnn"):
        assert logits_of(create(name, width=2), images(size=12)).shape == (4, 10)
    with pytest.raises(UserError, match=r"vectors.*\[n, 1, 1, features\].*12 x 12.*choose cnn"):
        create("cnn1d", **TINY)(images(size=12))
    with pytest.raises(UserError, match="too small for this network: 1 x 1 pixels"):
        create("cnn", **TINY)(images(size=3))
    with pytest.raises(UserError, match=r"4 x 4 pixels or more, but got vectors .*choose cnn1d"):
        create("cnn", **TINY)(images(size=1))
    with pytest.raises(UserError, match=r"8 x 8 pixels, but got 12 x 12"):
        create("mlp", **TINY)(images(size=12))


@pytest.mark.parametrize("depth", [1, 4])
def test_depth_is_the_number_of_hidden_layers(depth):
    model = create("mlp", depth=depth, **TINY)
    tensors = torch_state_dict_of(model)
    assert len(tensors) == 2 * (depth + 1)
    hidden = np.asarray(images()).reshape(4, -1)
    for layer in range(depth + 1):
        hidden = hidden if layer == 0 else np.maximum(hidden, 0)
        name = f"layers.{2 * layer}"
        hidden = hidden @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]
    np.testing.assert_allclose(model(images()), hidden, atol=1e-5)


def test_predictor_is_compiled_once_for_all_weights():
    init, _ = functional("mlp", **TINY)
    traces = []

    @jax.jit
    def labels(predict, batch):
        traces.append(1)
        return predict(batch).argmax(1)

    for seed in range(2):
        predict = jax.tree_util.Partial(predictor("mlp", **TINY), *init(jax.random.key(seed)))
        assert labels(predict, images()).shape == (4,)
    assert len(traces) == 1


def test_modules_switch_between_training_and_evaluation():
    model = create("resnet18", **TINY)
    before = np.asarray(model.bn1.running_mean[...])
    call = nnx.jit(lambda model, batch: model(batch))
    call(model, images())
    np.testing.assert_array_equal(model.bn1.running_mean[...], before)
    model.train()
    call(model, images())
    assert np.all(np.asarray(model.bn1.running_mean[...]) != before)


def test_state_dict_round_trip():
    source, target = create("mlp", seed=1, **TINY), create("mlp", seed=2, **TINY)
    load_torch_state_dict(target, torch_state_dict_of(source))
    np.testing.assert_array_equal(target(images()), source(images()))


def aligned(array):
    """A copy at a multiple of 64 bytes, where JAX would take NumPy memory over without copying."""
    memory = np.zeros(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def test_state_dict_shares_no_memory_with_the_network():
    # A linear layer's weight is aligned as it is stored there: transposed.
    source = create("mlp", seed=1, **TINY)
    tensors = {
        key: aligned(array.T).T if array.ndim == 2 else aligned(array)
        for key, array in torch_state_dict_of(source).items()
    }
    model = create("mlp", seed=2, **TINY)
    load_torch_state_dict(model, tensors)
    expected = np.array(source(images()), copy=True)
    for array in tensors.values():
        array[...] = np.nan
    np.testing.assert_array_equal(model(images()), expected)
    for array in torch_state_dict_of(model).values():
        array[...] = np.nan
    np.testing.assert_array_equal(model(images()), expected)


def test_tensors_that_do_not_fit_are_named_and_nothing_is_loaded():
    model = create("mlp", **TINY)
    before = np.asarray(model(images()))
    tensors = torch_state_dict_of(create("mlp", seed=1, **TINY))
    del tensors["layers.2.bias"]
    tensors |= {"layers.9.weight": np.zeros(3), "layers.4.weight": np.zeros((4, 3))}
    with pytest.raises(UserError) as error:
        load_torch_state_dict(model, tensors | {"bn1.num_batches_tracked": np.zeros(())})
    for part in (
        "missing layers.2.bias",
        "unexpected layers.9.weight",
        "mis-shaped layers.4.weight [4, 3] instead of [3, 4]",
    ):
        assert part in str(error.value)
    assert "num_batches_tracked" not in str(error.value)
    np.testing.assert_array_equal(model(images()), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "resnet81"}, "unknown network 'resnet81'.*resnet18.*mlp"),
        ({"width": 0}, "width must be a positive integer, but is 0"),
        ({"num_classes": -1}, "num_classes must be a positive integer, but is -1"),
        ({"depth": 0}, "depth must be a positive integer, but is 0"),
        ({"name": "vit", "depth": 3}, "the depth of vit cannot be chosen, got 3; it can of mlp"),
        ({"channels": 1.5}, r"channels must be a positive integer, but is 1\.5"),
        ({"image_size": True}, "image_size must be a positive integer, but is True"),
        ({"compute_dtype": "int8"}, "compute_dtype must be one of .*, but is int8"),
        ({"compute_dtype": "float23"}, "compute_dtype must be one of .*, but is 'float23'"),
        ({"compute_dtype": "float64"}, "jax_enable_x64"),
        ({"name": "vit", "width": 8}, "multiple of 12, but is 8"),
        ({"name": "vit", "image_size": 12}, "multiple of 8, but is 12"),
        ({"name": "cnn1d", "channels": 2}, "3 features or more, .* got channels = 2: choose cnn"),
    ],
)
def test_impossible_networks_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        create(**{"name": "mlp"} | options)
    with pytest.raises(UserError, match=message):
        functional(**{"name": "mlp"} | options)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (np.zeros((8, 8, 3), np.float32), r"\[n, height, width, 3\], but have \[8, 8, 3\]"),
        (np.zeros((2, 3, 8, 8), np.float32), r"but have \[2, 3, 8, 8\]"),
        (np.zeros((2, 8, 8, 3), np.uint8), "floating-point, but are uint8: normalise"),
    ],
)
def test_impossible_images_are_refused(batch, message):
    with pytest.raises(UserError, match=message):
        create("mlp", **TINY)(batch)


def test_an_unknown_convolution_gradient_is_refused():
    with pytest.raises(UserError, match="automatic, plain or custom, but is 'fast'"):
        functional("mlp", convolution_gradient="fast")
