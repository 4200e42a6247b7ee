"""Random crop and flip: against a plain numpy oracle, their statistics, each switch alone."""

import os
import subprocess
import sys
from functools import partial

import jax
import numpy as np
import pytest

from rcjax.data import augment
from rcjax.data.augmentation import PADDING, Offsets, crop_and_flip, draw_offsets

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(7)
BOTH = {"random_crop": True, "random_flip": True}


def some_images(count: int, height: int = 8, width: int = 6, channels: int = 3) -> np.ndarray:
    shape = (count, height, width, channels)
    # Never 0, so that padding is told from pixels.
    return np.random.default_rng(0).integers(1, 256, shape).astype(np.uint8)


def crop_and_flip_by_hand(images: np.ndarray, offsets: Offsets) -> np.ndarray:
    _, height, width, channels = images.shape
    result = np.zeros_like(images)
    per_image = zip(images, *map(np.asarray, offsets), result, strict=True)
    for image, row, column, flipped, out in per_image:
        canvas = np.zeros((height + 2 * PADDING, width + 2 * PADDING, channels), np.uint8)
        canvas[PADDING : PADDING + height, PADDING : PADDING + width] = image
        crop = canvas[row : row + height, column : column + width]
        out[...] = crop[:, ::-1] if flipped else crop
    return result


@pytest.mark.parametrize("channels", [1, 3])
def test_every_offset_matches_the_oracle(channels: int) -> None:
    places = 2 * PADDING + 1
    rows, columns, flipped = map(np.ravel, np.indices((places, places, 2)))
    offsets = Offsets(rows, columns, flipped.astype(bool))
    images = some_images(len(rows), channels=channels)
    result = jax.jit(crop_and_flip)(images, offsets)
    np.testing.assert_array_equal(result, crop_and_flip_by_hand(images, offsets))


def test_augment_applies_the_offsets_that_its_key_draws() -> None:
    images = some_images(50)
    expected = crop_and_flip_by_hand(images, draw_offsets(KEY, 50, **BOTH))
    compiled = jax.jit(partial(augment, **BOTH))
    result = compiled(KEY, images)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(compiled(KEY, images), result)
    assert (np.asarray(compiled(jax.random.key(8), images)) != result).any()


def test_offsets_are_uniform_and_independent() -> None:
    count = 50_000
    rows, columns, flipped = map(np.asarray, draw_offsets(KEY, count, **BOTH))
    table = np.zeros((9, 9, 2))
    np.add.at(table, (rows, columns, flipped.astype(int)), 1)
    expected = count / table.size
    chi_squared = ((table - expected) ** 2 / expected).sum()
    assert abs(chi_squared - (table.size - 1)) < 5 * np.sqrt(2 * (table.size - 1))


def test_each_switch_alone() -> None:
    images = some_images(200)
    neither = augment(KEY, images, random_crop=False, random_flip=False)
    np.testing.assert_array_equal(neither, images)

    both = draw_offsets(KEY, 200, **BOTH)
    only_crop = augment(KEY, images, random_crop=True, random_flip=False)
    expected = crop_and_flip_by_hand(images, both._replace(flipped=np.zeros(200, bool)))
    np.testing.assert_array_equal(only_crop, expected)

    only_flip = np.asarray(augment(KEY, images, random_crop=False, random_flip=True))
    mirrored = np.where(np.asarray(both.flipped)[:, None, None, None], images[:, :, ::-1], images)
    np.testing.assert_array_equal(only_flip, mirrored)


def test_a_split_batch_is_augmented_where_it_lies() -> None:
    code = """if True:
        import jax, numpy, functools
        from jax.sharding import Mesh, NamedSharding, PartitionSpec
        from rcjax.data import augment
        mesh = Mesh(numpy.array(jax.devices()), ("data",))
        split, everywhere = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (["data"], []))
        step = functools.partial(augment, random_crop=True, random_flip=True)
        images = numpy.random.default_rng(0).integers(0, 256, (64, 8, 8, 3)).astype("uint8")
        key = jax.random.key(3)
        options = {"in_shardings": (everywhere, split), "out_shardings": split}
        compiled = jax.jit(step, **options).lower(key, images).compile()
        numpy.testing.assert_array_equal(
            compiled(key, jax.device_put(images, split)), jax.jit(step)(key, images)
        )
        print(len(jax.devices()), "all-gather" in compiled.as_text())
    """
    environment = os.environ | {
        "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=4"
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["4", "False"]
