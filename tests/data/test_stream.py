"""Streamed data sets: what is read, in which order, whoever reads; crops; what cannot be read."""

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rcjax.data import ImageStream, load, open_stream
from rcjax.data.label_noise import label_shifts
from rcjax.data.randomness import Purpose, generator
from rcjax.data.streamed.crops import middle, random_part
from rcjax.data.streamed.image_stream import Batch, Cropping, batches, decoded, epoch_order
from rcjax.data.streamed.read_ahead import Readers
from rcjax.errors import UserError

from .tiny_imagenet import make_folder, prepare_imagenet


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 training and 15 test pictures of three classes in folders. Read only."""
    return make_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same pictures as tensorflow-datasets would keep them. Read only."""
    return prepare_imagenet(tmp_path_factory.mktemp("prepared"))


def opened(folder: Path, **choices) -> ImageStream:
    return open_stream(f"stream:{folder}", image_size=16, **choices)


def read(stream: ImageStream, epoch: int = 0, batch_size: int = 10, **choices) -> list[Batch]:
    order = epoch_order(stream.train_size, seed=5, epoch=epoch)
    cropping = Cropping(random_crop=True, random_flip=True, seed=5, epoch=epoch)
    return list(batches(stream.train, order, batch_size, cropping=cropping, **choices))


def assert_equal(one: list[Batch], other: list[Batch]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine.images, theirs.images)
        np.testing.assert_array_equal(mine.labels, theirs.labels)


def test_an_epoch_shows_every_picture_once_in_an_order_of_its_own(folder: Path) -> None:
    stream = opened(folder)
    assert (stream.train_size, stream.test_size, stream.image_shape) == (24, 15, (16, 16, 3))
    first = read(stream)
    assert [len(batch.labels) for batch in first] == [10, 10, 4]
    labels = np.concatenate([batch.labels for batch in first])
    assert np.bincount(labels).tolist() == [8, 8, 8]
    for batch in first:
        # The pictures are noise around 40, 100 and 160, whatever part of them is taken.
        np.testing.assert_allclose(batch.images.mean((1, 2, 3)), 40 + 60 * batch.labels, atol=5)
    assert_equal(first, read(stream))
    other = np.concatenate([batch.labels for batch in read(stream, epoch=1)])
    assert (labels != other).any()


def test_no_two_uses_of_random_numbers_draw_the_same() -> None:
    """Padded with zeros, the seeds (s, 3), (s, 3, 0) and (s, 3, 0, 0) would be one."""
    few = range(len(Purpose) + 1)
    uses = [(Purpose.SUBSET,), (Purpose.EVALUATED,), *((Purpose.ORDER, epoch) for epoch in few)]
    uses += [(Purpose.CROPS, epoch, number) for epoch in few for number in few]
    draws = {int(generator(7, *use).integers(2**62)) for use in uses}
    assert len(draws) == len(uses)


def test_going_on_within_an_epoch(folder: Path) -> None:
    stream = opened(folder)
    assert_equal(read(stream, first=1), read(stream)[1:])


def test_more_examples_than_a_chunk(folder: Path) -> None:
    stream = opened(folder)
    order = np.arange(100) % 24
    (one, other) = batches(stream.train, order, 70)
    images = decoded(stream.train, order)
    np.testing.assert_array_equal(np.concatenate([one.images, other.images]), images)


@pytest.mark.slow
def test_processes_read_what_threads_read(folder: Path, prepared: Path) -> None:
    for stream in (
        opened(folder),
        open_stream("imagenet2012", data_dir=str(prepared), image_size=16),
    ):
        expected = read(stream, readers=Readers(threads=1))
        assert_equal(read(stream, readers=Readers(processes=2)), expected)


def test_imagenet_as_tensorflow_datasets_keeps_it(folder: Path, prepared: Path) -> None:
    stream = open_stream("imagenet2012", data_dir=str(prepared), image_size=16)
    assert (stream.train_size, stream.test_size, stream.num_classes) == (24, 15, 1000)

    def contents(stream: ImageStream, split: str) -> list[tuple[int, bytes]]:
        examples = getattr(stream, split)
        order = np.arange(len(examples))
        (batch,) = batches(examples, order, len(examples))
        return sorted(
            (int(label), image.tobytes())
            for image, label in zip(batch.images, batch.labels, strict=True)
        )

    # On disk the records are shuffled.
    for split in ("train", "test"):
        assert contents(stream, split) == contents(opened(folder), split)


def test_evaluation_takes_the_middle(folder: Path) -> None:
    stream = open_stream(f"stream:{folder}", image_size=30)
    with Image.open(stream.train.pictures[0].data) as picture:
        assert picture.size == (60, 40)
        expected = picture.resize((30, 30), Image.Resampling.BILINEAR, box=middle(60, 40))
    assert middle(60, 40) == (12.5, 2.5, 47.5, 37.5)
    np.testing.assert_array_equal(decoded(stream.train, [0])[0], np.asarray(expected))


def test_large_jpegs_are_decoded_smaller_without_a_shift(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:400, :600]
    ramps = np.stack([rows / 400, columns / 600, 0 * rows], -1)
    (tmp_path / "train").mkdir()
    for split, name in (("train", "a"), ("train", "b"), ("val", "a")):
        (tmp_path / split / name).mkdir(parents=True)
        picture = Image.fromarray((255 * ramps).astype(np.uint8))
        picture.save(tmp_path / split / name / "ramp.jpg", quality=95)
    image = decoded(open_stream(f"stream:{tmp_path}", image_size=32).train, [0])[0]
    # 350 rows and columns from row 25 and column 125 on.
    places = (np.arange(32) + 0.5) / 32
    np.testing.assert_allclose(image[:, 16, 0], 255 * (25 + 350 * places) / 400, atol=3)
    np.testing.assert_allclose(image[16, :, 1], 255 * (125 + 350 * places) / 600, atol=3)


def random_parts(width: int, height: int) -> Iterator[tuple[float, float, float, float]]:
    random = np.random.default_rng(0)
    return (random_part(random, width, height) for _ in range(4_000))


def test_random_parts_have_the_stated_areas_and_ratios() -> None:
    left, top, right, bottom = np.array(list(random_parts(500, 400))).T
    assert (left >= 0).all()
    assert (top >= 0).all()
    assert (right <= 500).all()
    assert (bottom <= 400).all()
    areas = (right - left) * (bottom - top) / (500 * 400)
    ratios = np.log((right - left) / (bottom - top)) / math.log(4 / 3)
    assert 0.08 <= areas.min() < 0.1
    assert 0.9 < areas.max() <= 1
    assert -1.0001 < ratios.min() < -0.95
    assert 0.95 < ratios.max() < 1.0001
    # Areas below half of the picture always fit, so there they are uniform.
    small = areas[areas < 0.5]
    assert abs(small.mean() - 0.29) < 5 * 0.42 / math.sqrt(12 * len(small))
    # A part of a very long picture is the largest that is not too long itself.
    part = next(random_parts(1_000, 10))
    assert part == pytest.approx((500 - 20 / 3, 0, 500 + 20 / 3, 10))


def test_pictures_are_mirrored_half_of_the_time(folder: Path) -> None:
    stream = opened(folder)
    plain = decoded(stream.train, [3])[0]
    mirrored = 0
    for epoch in range(200):
        image, _ = stream.train.example(3, Cropping(random_flip=True, epoch=epoch))
        mirrored += bool((image != plain).any())
        np.testing.assert_array_equal(image, plain[:, ::-1] if (image != plain).any() else plain)
    assert abs(mirrored - 100) < 5 * math.sqrt(200) / 2


def test_subsets_and_noisy_labels(folder: Path, prepared: Path) -> None:
    small = opened(folder, train_examples=12, seed=4, label_noise=0.5)
    order = np.arange(12)
    (noisy,) = batches(small.train, order, 12)
    (clean,) = batches(opened(folder, train_examples=12, seed=4).train, order, 12)
    assert np.bincount(clean.labels).tolist() == [4, 4, 4]
    shifts = label_shifts(12, 3, 0.5, seed=4)
    np.testing.assert_array_equal(noisy.labels, (clean.labels + shifts) % 3)
    np.testing.assert_array_equal(noisy.images, clean.images)
    assert not small.test.shifts.any()

    records = open_stream("imagenet2012", data_dir=str(prepared), train_examples=12, seed=4)
    assert len(np.unique(records.train.positions)) == 12
    for choices, message in (
        ({"train_examples": 25}, "between 1 and the 24 training examples"),
        ({"label_noise": 2.0}, "between 0 and 1, got 2.0"),
    ):
        for stream in (f"stream:{folder}", "imagenet2012"):
            with pytest.raises(UserError, match=message):
                open_stream(stream, data_dir=str(prepared), **choices)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    make_folder(tmp_path)
    path = tmp_path / "train" / "n00000001" / "3.JPEG"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"n00000001/3.JPEG cannot be decoded") as error:
        read(opened(tmp_path))
    assert "\n" not in str(error.value)


def test_imagenet_that_cannot_be_read(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not in .*imagenet2012.* set dataset = stream:PATH"):
        open_stream("imagenet2012", data_dir=str(tmp_path / "empty"))
    copy = tmp_path / "copy"
    shutil.copytree(prepared, copy)
    (version,) = (copy / "imagenet2012").iterdir()
    (records,) = version.glob("*train.array_record*")
    data = records.read_bytes()
    records.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"split 'train' in .* is damaged"):
        open_stream("imagenet2012", data_dir=str(copy))
    records.write_bytes(data)
    description = json.loads((version / "dataset_info.json").read_text())
    description["splits"] = [s for s in description["splits"] if s["name"] != "validation"]
    (version / "dataset_info.json").write_text(json.dumps(description))
    with pytest.raises(UserError, match="lacks the split 'validation'"):
        open_stream("imagenet2012", data_dir=str(copy))


def test_streams_and_arrays_are_not_mixed_up(folder: Path) -> None:
    with pytest.raises(UserError, match=r"is streamed; rcjax\.data\.open_stream opens it"):
        load(f"stream:{folder}")
    with pytest.raises(UserError, match=r"is not streamed; rcjax\.data\.load loads it"):
        open_stream("digits")
