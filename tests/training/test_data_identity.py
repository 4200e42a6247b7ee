"""A run stays with its data: other content is refused, the same content elsewhere is not."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
from PIL import Image

from rcjax.config import run_config
from rcjax.data import fingerprint
from rcjax.data.prepare.array_cache import write_cache
from rcjax.errors import UserError
from rcjax.experiments import run_experiment
from rcjax.runtime import Interrupted, StopRequest, Workdir
from rcjax.training import load_finished_run, train
from rcjax.training.experiment import Experiment
from rcjax.training.vmapped_runs import train_together

from ..study.small_studies import small_study
from .small_runs import launch, small_arguments, small_run, train_undrawn

FIELDS = {"train_examples": 0, "epochs": 2, "batch_size": 20, "regions.every": 2}
CLASSICAL = {"network": "decision_tree", "regions": {"slices": 3, "points": 9}}


def write_npz(path, *, seed=0, side=4, number=50):
    """Images of two classes; other arguments, other content."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (number, side, side, 1), np.uint8)
    np.savez(path, images=images, labels=np.arange(number) % 2)
    return str(path)


def network(file):
    return small_run(dataset=file, **FIELDS)


def classical(file):
    return run_config({**CLASSICAL, "dataset": file})


def files_in(folder):
    """{name: (bytes, time of last change)}."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def interrupted(config, folder):
    """Leaves the run after its first epoch."""

    class Stopped(Experiment):
        def entry(self, number, metrics):
            signal.raise_signal(signal.SIGINT)
            return super().entry(number, metrics)

    with pytest.raises(Interrupted, match="after 1 epochs"):
        train(config, folder, make=Stopped)


@pytest.mark.parametrize(
    ("make", "begin", "other"),
    [
        (network, train_undrawn, {"seed": 1}),
        (network, interrupted, {"side": 5}),
        *((classical, train, other) for other in ({"seed": 1}, {"side": 5}, {"number": 60})),
    ],
    ids=["finished", "resumed", "classical", "classical_size", "classical_number"],
)
def test_a_run_is_tied_to_the_content_of_its_data(tmp_path, make, begin, other):
    file, run = write_npz(tmp_path / "d.npz"), tmp_path / "run"
    begin(make(file), run)
    before, first = files_in(run), fingerprint(file)
    moved = shutil.move(file, str(tmp_path / "moved.npz"))
    # Overwritten in its place, and under another name.
    write_npz(tmp_path / "d.npz", **other)
    write_npz(tmp_path / "e.npz", **other)
    for name in ("d.npz", "e.npz"):
        theirs = fingerprint(str(tmp_path / name))
        with pytest.raises(UserError) as refused:
            train(make(str(tmp_path / name)), run)
        assert first[:12] in str(refused.value)
        assert theirs[:12] in str(refused.value)
        assert "\n" not in str(refused.value)
    assert files_in(run) == before
    record = train_undrawn(make(moved), run)
    assert record["status"] == "completed"
    assert record["data"] == {"sha256": first}


def test_a_finished_run_needs_its_data_no_more(tmp_path):
    file = write_npz(tmp_path / "d.npz")
    record = train(classical(file), tmp_path / "run")
    os.remove(file)
    assert train(classical(file), tmp_path / "run") == record


def test_network_is_not_read_back_for_other_data(tmp_path, capsys):
    file = write_npz(tmp_path / "d.npz")
    train_undrawn(network(file), tmp_path / "run")
    write_npz(tmp_path / "d.npz", side=6)
    with pytest.raises(UserError, match="with content of sha256"):
        load_finished_run(network(file), tmp_path / "run")
    outcome = launch(capsys, small_arguments(tmp_path / "run", dataset=file, **FIELDS))
    assert outcome.code == 2
    assert "damaged" not in outcome.err


def test_runs_side_by_side_leave_out_one_with_other_data(tmp_path, capsys):
    file = write_npz(tmp_path / "d.npz")
    interrupted(network(file), tmp_path / "run")
    write_npz(tmp_path / "d.npz", seed=1)
    assert train_together([network(file)], [tmp_path / "run"], StopRequest()) == 0
    assert "left out" in capsys.readouterr().out


def test_folders_from_before_data_were_noted_are_accepted(tmp_path):
    file = write_npz(tmp_path / "d.npz")
    config, run = classical(file), tmp_path / "run"
    record = train(config, run)
    for name in ("config.json", "record.json"):
        content = json.loads((run / name).read_text())
        del content["data"]
        (run / name).write_text(json.dumps(content))
    del record["data"]
    assert train(config, run) == record


def test_a_study_is_tied_to_its_data_and_moves_with_them(tmp_path, capsys):
    fields = {"network": "decision_tree", "train_examples": 30, "grid.learning_rate": None}
    defaults = dict.fromkeys(("width", "epochs", "batch_size", "checkpoint_every", "regions.every"))

    def study(file, seeds):
        return small_study(**defaults, **fields, dataset=file, **{"grid.seed": seeds})

    file = write_npz(tmp_path / "d.npz")
    run_experiment(study(file, (0, 1)), tmp_path / "study")
    moved = shutil.move(file, str(tmp_path / "moved.npz"))
    run_experiment(study(moved, (0, 1)), tmp_path / "study")
    run_experiment(study(moved, (0,)), tmp_path / "study")  # narrowed: run 1 is foreign to it
    write_npz(tmp_path / "d.npz", seed=5)
    for seeds in ((0, 1), (2,)):
        with pytest.raises(UserError, match=r"sha256 \w{12} -> .* sha256 \w{12}"):
            run_experiment(study(file, seeds), tmp_path / "study")


def write_pictures(root):
    for split in ("train", "val"):
        for name, shade in (("cat", 0), ("dog", 200)):
            folder = root / split / name
            folder.mkdir(parents=True)
            Image.new("RGB", (4, 4), (shade, 9, 9)).save(folder / "1.png")


@pytest.mark.parametrize("kind", ["folder:", "stream:"])
def test_fingerprint_of_pictures(tmp_path, kind):
    write_pictures(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")  # keeps times
    first = fingerprint(f"{kind}{tmp_path / 'a'}")
    assert len(first) == 64
    assert fingerprint(f"{kind}{tmp_path / 'b'}") == first
    Image.new("RGB", (4, 4), (1, 9, 9)).save(tmp_path / "b" / "train" / "cat" / "1.png")
    changed = fingerprint(f"{kind}{tmp_path / 'b'}")
    (tmp_path / "b" / "val" / "dog" / "1.png").rename(tmp_path / "b" / "val" / "dog" / "2.png")
    assert len({first, changed, fingerprint(f"{kind}{tmp_path / 'b'}")}) == 3
    os.rename(tmp_path / "b" / "train" / "cat", os.fsencode(tmp_path) + b"/b/train/\xff")
    os.rename(tmp_path / "b" / "val" / "cat", os.fsencode(tmp_path) + b"/b/val/\xff")
    assert len(fingerprint(f"{kind}{tmp_path / 'b'}")) == 64


def test_fingerprint_is_of_arrays_and_not_of_how_they_are_packed(tmp_path):
    file = write_npz(tmp_path / "d.npz")
    with np.load(file) as arrays:
        np.savez_compressed(tmp_path / "packed.npz", **arrays)
    assert fingerprint(str(tmp_path / "packed.npz")) == fingerprint(file)
    assert fingerprint("cifar10") == fingerprint(str(tmp_path / "none.npz")) == ""


def test_prepared_data_are_known_by_their_content(tmp_path):
    for place, pixel in (("a", 0), ("b", 0), ("c", 1)):
        images, labels = np.full((2, 2, 2, 1), pixel, np.uint8), np.arange(2, dtype=np.int32)
        (tmp_path / place / "cifar10").mkdir(parents=True)
        write_cache("cifar10", tmp_path / place, (images, labels, images, labels), tmp_path)
    first, same, other = (fingerprint("cifar10", str(tmp_path / place)) for place in "abc")
    assert first == same != other
    assert fingerprint("cifar10", str(tmp_path)) == fingerprint("digits", str(tmp_path)) == ""


def test_data_that_a_run_has_fetched_itself_are_noted(tmp_path):
    found = ["", "0" * 64]  # before and after the download
    folder = Workdir(tmp_path / "run", {}, fingerprint=lambda: found.pop(0))
    with folder.claimed():
        folder.claim_for_good()
    content = json.loads((tmp_path / "run" / "config.json").read_text())
    assert content["data"] == {"sha256": "0" * 64}
