"""Runs on streamed data sets: the same network as from memory, and the same after interruptions."""

import dataclasses
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ml_collections import ConfigDict

from rcjax.data import Dataset, ImageStream, load, open_stream
from rcjax.data.streamed.image_stream import batches
from rcjax.errors import UserError
from rcjax.training import Interrupted, train
from rcjax.training.counting import sample_slices
from rcjax.training.rehearsal import rehearse_run
from rcjax.training.streaming import StreamedExperiment
from rcjax.training.timing import time_epoch
from rcjax.training.vmapped_runs import group_key

from ..data.tiny_imagenet import make_folder
from .small_runs import launch, small_arguments, small_config, small_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 training and 9 test pictures. Read only."""
    return make_folder(tmp_path_factory.mktemp("pictures"), train=12, test=3)


def fields(folder: Path, **changes: Any) -> dict[str, Any]:
    """Three epochs of five batches, the last of four pictures; a checkpoint every two steps."""
    return {
        "dataset": f"stream:{folder}",
        "image_size": 8,
        "train_examples": 0,
        "epochs": 3,
        "batch_size": 8,
        "random_crop": True,
        "random_flip": True,
        "mixup": 0.2,
        "streaming.checkpoint_steps": 2,
        "regions.every": 1,
        **changes,
    }


def record_of(workdir: Path) -> dict[str, Any]:
    return json.loads((workdir / "record.json").read_text())


def in_memory(stream: ImageStream) -> Dataset:
    """The same examples, all decoded."""
    splits = []
    for split in (stream.train, stream.test):
        (batch,) = batches(split, np.arange(len(split)), len(split))
        splits += batch
    return Dataset(stream.name, *splits, stream.num_classes, stream.mean, stream.std)


@pytest.mark.parametrize("sampling", ["between_points", "random_directions", "random_convex_pairs"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_slices_are_those_of_the_same_images_in_memory(
    folder: Path, sampling: str, split: str
) -> None:
    stream = open_stream(f"stream:{folder}", image_size=8)
    dim = 2 if sampling == "between_points" else 1
    changes = {"regions.sampling": sampling, "regions.anchors": split, "regions.dim": dim}
    regions = small_run(**changes).regions
    np.testing.assert_allclose(
        sample_slices(stream, regions, seed=3),
        sample_slices(in_memory(stream), regions, seed=3),
        rtol=1e-6,
        atol=1e-6,
    )


def test_only_the_images_of_slices_are_decoded(folder: Path) -> None:
    stream, asked = open_stream(f"stream:{folder}", image_size=8), []

    class Noting:
        def __len__(self):
            return len(stream.train.pictures)

        def __getitem__(self, position):
            asked.append(position)
            return stream.train.pictures[position]

    noting = dataclasses.replace(stream.train, pictures=Noting())
    regions = small_run(**{"regions.slices": 3}).regions
    sample_slices(dataclasses.replace(stream, train=noting), regions, seed=3)
    assert len(asked) == len(set(asked)) <= 6


def noting(seen: list[tuple[int, int]], disturb: Callable[[int, int], None]) -> type:
    """Calls `disturb(epoch, step)`, and then notes both, before each step; draws no pictures."""

    class Noting(StreamedExperiment):
        def draw(self, *_: Any) -> None:
            pass

        def _batches_of(self, epoch: int, first: int) -> Iterator[Any]:
            for step, batch in enumerate(super()._batches_of(epoch, first), first):
                disturb(epoch, step)
                seen.append((epoch, step))
                yield batch

    return Noting


class HostsMesh:
    """The devices of several hosts, seen from one of them."""

    def __init__(self, hosts: int, devices: int, host: int):
        self.size = hosts * devices
        self.devices = np.arange(self.size)
        self.local_devices = list(range(host * devices, (host + 1) * devices))


@pytest.mark.parametrize(("hosts", "devices"), [(1, 1), (2, 1), (2, 2), (4, 1), (8, 1)])
@pytest.mark.parametrize("first", [0, 3])
def test_hosts_read_each_picture_once_an_epoch(
    folder: Path, hosts: int, devices: int, first: int
) -> None:
    config = small_run(**fields(folder))
    stream = open_stream(f"stream:{folder}", image_size=8)
    experiment = StreamedExperiment(config, stream)
    expected = [batch.images for batch in experiment._batches_of(1, first)]
    parts = []
    for host in range(hosts):
        experiment._mesh = HostsMesh(hosts, devices, host)
        parts.append([batch.images for batch in experiment._batches_of(1, first)])
    found = [np.concatenate(rows) for rows in zip(*parts, strict=True)]
    assert [len(batch) for batch in found] == [8, 8, 8, 8, 4][first:]
    assert all(map(np.array_equal, found, expected))


def undisturbed(epoch: int, step: int) -> None:
    pass


def test_interrupted_within_an_epoch_it_ends_the_same(folder: Path, tmp_path: Path) -> None:
    config = small_config(**fields(folder))
    train(config, tmp_path / "whole", make=noting([], undisturbed))
    whole = record_of(tmp_path / "whole")
    assert len(whole["epochs"]) == 3
    assert whole["train_accuracy"] > 60

    class Broken(Exception):
        pass

    def broken(epoch: int, step: int) -> None:
        if (epoch, step) == (1, 3):  # without warning: a picture is damaged
            raise Broken

    with pytest.raises(Broken):
        train(config, tmp_path / "broken", make=noting([], broken))
    assert "7" in os.listdir(tmp_path / "broken" / "checkpoints")  # 5 steps and 2
    steps: list[tuple[int, int]] = []
    train(config, tmp_path / "broken", make=noting(steps, undisturbed))
    assert steps == [(1, 2), (1, 3), (1, 4), *((2, step) for step in range(5))]
    assert record_of(tmp_path / "broken") == whole


def test_ctrl_c_stops_after_the_step(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert threading.current_thread() is threading.main_thread()
    steps: list[tuple[int, int]] = []

    def press_control_c(epoch: int, step: int) -> None:
        if step == 0:
            os.kill(os.getpid(), signal.SIGINT)

    config = small_config(**fields(folder, **{"streaming.checkpoint_steps": 0}))
    with pytest.raises(Interrupted, match=r"after 0 epochs and [1-4] steps, all saved"):
        train(config, tmp_path, make=noting(steps, press_control_c))
    assert len(steps) < 5
    train(config, tmp_path, make=noting([], undisturbed))
    assert f"resuming after 0 epochs and {len(steps)} steps" in capsys.readouterr().out


def test_a_rehearsal_times_steps_and_checkpoints_within_epochs(folder: Path) -> None:
    config = small_run(**fields(folder))
    rehearsal = rehearse_run(config, threading.Event())
    cost = rehearsal.cost
    assert (cost.steps, cost.timed_steps, cost.examples) == (5, 5, 36)
    # After the steps 2 and 4 of every epoch, and after every epoch.
    saved = (cost.seconds(config).keeping - cost.keeping) / cost.saving
    assert saved == pytest.approx(3 * 2 + 3)
    network = rehearsal.network
    network.experiment.compile(network.state)
    # Step 1 warms up, 2 is a pause of its own, and 3 is enough.
    assert time_epoch(network.experiment, network.state, enough=0.0).steps == 2


def test_training_accuracy_on_some_of_the_images(folder: Path, tmp_path: Path) -> None:
    config = small_config(**fields(folder, epochs=1, **{"streaming.evaluated_examples": 7}))
    train(config, tmp_path, make=noting([], undisturbed))
    sevenths = record_of(tmp_path)["train_accuracy"] * 7 / 100
    assert sevenths == pytest.approx(round(sevenths))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"streaming.evaluated_examples": 37},
            "streaming.evaluated_examples must be at most the 36",
        ),
        ({"batch_size": 37}, "batch_size must be at most the 36 training examples of stream:"),
        ({"train_examples": 37}, "train_examples must be between 1 and the 36"),
        ({"dataset": "stream:nowhere"}, "no folder nowhere/train"),
    ],
)
def test_what_cannot_be(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture, changes: dict, words: str
) -> None:
    outcome = launch(capsys, small_arguments(tmp_path / "run", **fields(folder, **changes)))
    assert outcome.code == 2
    assert words in outcome.err
    assert outcome.err.count("\n") == 1


def test_classical_classifiers_need_all_images_at_once(folder: Path, tmp_path: Path) -> None:
    config = ConfigDict({"dataset": f"stream:{folder}", "network": "random_forest"})
    with pytest.raises(UserError, match="fitted to all images at once, but dataset = stream:"):
        train(config, tmp_path / "run")


def test_a_damaged_picture_ends_the_run_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    make_folder(tmp_path / "pictures", train=12, test=3)
    damaged = tmp_path / "pictures" / "val" / "n00000002" / "1.JPEG"
    damaged.write_bytes(b"no picture")
    arguments = small_arguments(tmp_path / "run", **fields(tmp_path / "pictures"))
    outcome = launch(capsys, arguments)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: image {damaged} cannot be decoded (")
    assert outcome.err.count("\n") == 1


def test_streamed_runs_are_not_trained_together(folder: Path) -> None:
    keys = {
        group_key(small_run(**fields(folder, dataset=dataset, seed=seed)))
        for seed in (0, 1)
        for dataset in (f"stream:{folder}", "digits")
    }
    assert len(keys) == 3
    assert load("digits").train_size == 1297
