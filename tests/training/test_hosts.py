"""One run on several hosts: the record of one process, whatever happens to a host."""

import json
import re
import signal
import time

import numpy as np
import pytest

from ..data.tiny_imagenet import make_folder
from .hosts import outcome, run_hosts, start_hosts
from .small_runs import small_config, train_undrawn

RESIDENT = {"batch_size": 32}  # of 70 images: a last batch of six
LONG = {**RESIDENT, "epochs": 100_000, "checkpoint_every": 20, "regions.every": 100_000}


@pytest.fixture(scope="module")
def streamed(tmp_path_factory):
    """36 training and 9 test pictures in batches of eight, the last of them of four."""
    folder = make_folder(tmp_path_factory.mktemp("pictures"), train=12, test=3)
    return {
        "dataset": f"stream:{folder}", "image_size": 8, "train_examples": 0, "batch_size": 8,
        "random_crop": True, "random_flip": True, "mixup": 0.2, "epochs": 3,
        "streaming.checkpoint_steps": 2, "regions.every": 1,
    }  # fmt: skip


def record_of(workdir):
    return json.loads((workdir / "record.json").read_text())


def assert_same_result(record, expected):
    """Equal losses to 1e-5, equal counts."""
    for name in ("history", "epochs"):
        assert len(record[name]) == len(expected[name])
        for entry, other in zip(record[name], expected[name], strict=True):
            assert entry.pop("region_count", None) == other.pop("region_count", None)
            assert entry == pytest.approx(other, rel=1e-5)
    assert record["region_count"] == expected["region_count"]


def test_two_hosts_equal_one(tmp_path):
    hosts = run_hosts([tmp_path / "two"] * 2, **RESIDENT)
    assert hosts.codes == [0, 0], hosts
    assert (hosts.err[0], hosts.out[1], hosts.err[1]) == ("", "", "")  # host 0 alone speaks
    record = record_of(tmp_path / "two")
    assert record["versions"]["hosts"] == 2
    assert "on 2 x cpu of 2 hosts" in hosts.out[0]
    assert_same_result(record, train_undrawn(small_config(**RESIDENT), tmp_path / "one"))
    names = {path.name for path in (tmp_path / "two").iterdir()} - {".lock"}
    assert names == {path.name for path in (tmp_path / "one").iterdir()} - {".lock"} | {"figures"}


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_hosts_that_stream_equal_one(streamed, tmp_path, count):
    hosts = run_hosts([tmp_path / "several"] * count, **streamed)
    assert hosts.codes == [0] * count, hosts
    expected = train_undrawn(small_config(**streamed), tmp_path / "one")
    assert_same_result(record_of(tmp_path / "several"), expected)


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_host_ends_the_run_and_another_number_of_hosts_resumes_it(tmp_path, lost):
    fields = {**RESIDENT, "epochs": 400, "checkpoint_every": 1, "regions.every": 100}
    processes = start_hosts([tmp_path / "run"] * 2, **fields)
    while not (tmp_path / "run" / "checkpoints" / "30").is_dir():
        assert processes[0].poll() is None
        time.sleep(0.05)
    processes[lost].kill()
    hosts = outcome(processes, timeout=60)
    assert sorted(hosts.codes) == [-signal.SIGKILL, 4], hosts
    lines = hosts.err[1 - lost].splitlines()
    assert len(lines) == 1
    assert re.match(rf"error: host {lost} of 2 \(.*\) was lost", lines[0])
    resumed = run_hosts([tmp_path / "run"] * 4, **fields)
    assert resumed.codes == [0] * 4, resumed
    assert "resuming after" in resumed.out[0]
    expected = train_undrawn(small_config(**fields), tmp_path / "one")
    assert_same_result(record_of(tmp_path / "run"), expected)


@pytest.mark.slow
def test_a_signal_to_one_host_stops_all_with_a_checkpoint(streamed, tmp_path):
    fields = {**streamed, "epochs": 60, "regions.every": 60}
    processes = start_hosts([tmp_path / "run"] * 2, **fields)
    while not (tmp_path / "run" / "checkpoints").is_dir():
        assert processes[0].poll() is None
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGTERM)
    hosts = outcome(processes)
    assert hosts.codes == [130, 130], hosts
    assert "all saved; to resume:" in hosts.err[0]
    resumed = train_undrawn(small_config(**fields), tmp_path / "run")
    assert_same_result(resumed, train_undrawn(small_config(**fields), tmp_path / "one"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of_second", "told"),
    [
        ({"seed": 1}, r"disagree \(config.seed: 0 and 1\)"),
        ({"nothing": 1}, r"host 1 .*nothing"),
    ],
)
def test_hosts_that_disagree_are_refused_on_all(tmp_path, of_second, told):
    hosts = run_hosts([tmp_path / "run"] * 2, {}, of_second, **RESIDENT)
    assert hosts.codes == [2, 2], hosts
    assert re.match(f"error: .*{told}", hosts.err[0])
    assert [len(lines.splitlines()) for lines in hosts.err] == [1, 1]
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_folder_that_is_not_shared_is_refused_on_all(tmp_path):
    hosts = run_hosts([tmp_path / "one", tmp_path / "another"], **RESIDENT)
    assert hosts.codes == [2, 2], hosts
    for line in hosts.err:
        assert re.match(r"error: .*another on host 1 .* is not the folder of host 0", line)
        assert len(line.splitlines()) == 1
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_data_that_differ_are_refused_on_all(tmp_path):
    """Each host has a file of its own at the same path, relative to where it runs."""
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        images = np.full((40, 4, 4, 1), number, np.uint8)
        labels = np.arange(40) % 2
        np.savez(tmp_path / str(number) / "own.npz", x=images, y=labels)
    fields = {"dataset": "own.npz", "train_examples": 0, "batch_size": 4}
    folders = [tmp_path / str(number) for number in range(2)]
    hosts = outcome(start_hosts([tmp_path / "run"] * 2, folders=folders, **fields))
    assert hosts.codes == [2, 2], hosts
    assert all("own.npz of host 1" in line and "differs from" in line for line in hosts.err)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"batch_size": 35},
            "batch_size must divide by the 2 devices of 2 hosts, got 35; take 34 or 36",
        ),
        ({"network": "decision_tree"}, "decision_tree is fitted by one process"),
    ],
)
def test_runs_that_hosts_cannot_share_are_refused_on_all(tmp_path, fields, told):
    hosts = run_hosts([tmp_path / "run"] * 2, **RESIDENT | fields)
    assert hosts.codes == [2, 2], hosts
    assert all(told in line and len(line.splitlines()) == 1 for line in hosts.err), hosts
    assert not (tmp_path / "run").exists()
