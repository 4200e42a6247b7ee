"""One run on several hosts: the record of one process, whatever happens to a host."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from rcjax.config import run_config
from rcjax.errors import UserError
from rcjax.runtime import Hosts
from rcjax.training.several_hosts import check_hosts

from ..data.tiny_imagenet import make_folder
from .hosts import end_hosts, is_free, outcome, run_hosts, start_host, start_hosts
from .small_runs import REPOSITORY, launch, small_arguments, small_config, train_undrawn

RESIDENT = {"batch_size": 32}  # of 70 images: a last batch of six
CALM = {"learning_rate": 0.01}  # a larger one makes differences of rounding grow


@pytest.fixture(autouse=True)
def nothing_left():
    yield
    end_hosts()


@pytest.fixture(scope="module")
def streamed(tmp_path_factory):
    """33 training and 9 test pictures in batches of eight, the last of them of one."""
    folder = make_folder(tmp_path_factory.mktemp("pictures"), train=11, test=3)
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


@pytest.mark.slow
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
@pytest.mark.parametrize(("count", "devices"), [(2, 2)])  # (2, 1) and (4, 1) hold too
def test_hosts_that_stream_equal_one(streamed, tmp_path, monkeypatch, count, devices):
    flags = os.environ.get("XLA_FLAGS", "")
    monkeypatch.setenv("XLA_FLAGS", f"{flags} --xla_force_host_platform_device_count={devices}")
    hosts = run_hosts([tmp_path / "several"] * count, **streamed)
    assert hosts.codes == [0] * count, hosts
    assert f"on {count * devices} x cpu of {count} hosts" in hosts.out[0]
    expected = train_undrawn(small_config(**streamed), tmp_path / "one")
    assert_same_result(record_of(tmp_path / "several"), expected)


@pytest.mark.slow
@pytest.mark.parametrize(("lost", "then"), [(0, 4)])  # (1, 1) holds too; each takes a minute
def test_a_lost_host_ends_the_run_and_another_number_of_hosts_resumes_it(tmp_path, lost, then):
    fields = {**RESIDENT, **CALM, "epochs": 60, "checkpoint_every": 2, "regions.every": 30}
    processes = start_hosts([tmp_path / "run"] * 2, **fields)
    while not (tmp_path / "run" / "checkpoints" / "12").is_dir():
        assert processes[0].poll() is None
        time.sleep(0.05)
    processes[lost].kill()
    hosts = outcome(processes, timeout=60)
    assert sorted(hosts.codes) == [-signal.SIGKILL, 4], hosts
    lines = hosts.err[1 - lost].splitlines()
    assert len(lines) == 1
    assert re.match(rf"error: host {lost} of 2 \(.*\) was lost", lines[0])
    resumed = run_hosts([tmp_path / "run"] * then, **fields)
    assert resumed.codes == [0] * then, resumed
    assert "resuming after" in resumed.out[0]
    expected = train_undrawn(small_config(**fields), tmp_path / "one")
    assert_same_result(record_of(tmp_path / "run"), expected)


@pytest.mark.slow
def test_a_signal_to_one_host_stops_all_with_a_checkpoint(streamed, tmp_path):
    fields = {**streamed, **CALM, "epochs": 60, "regions.every": 60}
    processes = start_hosts([tmp_path / "run"] * 2, **fields)
    while not (tmp_path / "run" / "checkpoints").is_dir():
        assert processes[0].poll() is None
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGTERM)
    hosts = outcome(processes)
    assert hosts.codes == [130, 130], hosts
    assert "all saved; start the same again" in hosts.err[0]
    assert len(hosts.err[1].splitlines()) == 1  # that it was asked
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
        images = np.random.default_rng(number).integers(0, 256, (40, 4, 4, 1)).astype(np.uint8)
        labels = np.arange(40) % 2
        np.savez(tmp_path / str(number) / "own.npz", x=images, y=labels)
    fields = {"dataset": "own.npz", "train_examples": 0, "batch_size": 4}
    folders = [tmp_path / str(number) for number in range(2)]
    hosts = outcome(start_hosts([tmp_path / "run"] * 2, folders=folders, **fields))
    assert hosts.codes == [2, 2], hosts
    for line in hosts.err:
        assert "own.npz of host 1" in line, hosts
        assert "differs from that of host 0" in line
        assert len(line.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_batch_that_does_not_divide_is_refused_on_all(tmp_path):
    hosts = run_hosts([tmp_path / "run"] * 2, **RESIDENT | {"batch_size": 35})
    assert hosts.codes == [2, 2], hosts
    told = "batch_size must divide by the 2 devices of 2 hosts, got 35; take 34 or 36"
    assert all(told in line and len(line.splitlines()) == 1 for line in hosts.err), hosts
    assert not (tmp_path / "run").exists()


def test_classical_classifiers_and_studies_are_refused(tmp_path, capsys):
    with pytest.raises(UserError, match="network = decision_tree is fitted by one process"):
        check_hosts(run_config({"network": "decision_tree"}), Hosts(0, 2))
    study = ["launch.py", "--config=table1_digits:quick", f"--workdir={tmp_path / 'run'}"]
    place = ["--hosts.address=localhost:1", "--hosts.count=2", "--hosts.number=1"]
    refused = launch(capsys, [*study, *place, "--hosts.timeout=1"])
    assert refused.code == 2
    assert "experiment = study does not run on several hosts as one" in refused.err
    assert not any(tmp_path.iterdir())


def script_of_docs(kind):
    page = (REPOSITORY / "docs" / "batch_jobs.md").read_text(encoding="utf-8")
    (script,) = re.findall(rf"<!-- run: {kind} -->\n```\w+\n(.*?)```", page, re.DOTALL)
    return script


SRUN = """#!/bin/bash
# As srun does: a task for each number, and the highest exit code of them.
for task in 0 1; do
    SLURM_PROCID=$task SLURM_LOCALID=$task "$@" {arguments} > "$OUTPUT.$task" 2>&1 &
    tasks+=($!)
done
for task in "${{tasks[@]}}"; do wait "$task" || code=$?; done
exit "${{code:-0}}"
"""


@pytest.mark.slow
def test_the_slurm_script_of_the_docs_runs(tmp_path):
    """With programs in place of SLURM's own."""
    arguments = shlex.join(small_arguments(tmp_path / "run", **RESIDENT)[2:])
    programs = {
        "srun": SRUN.format(arguments=arguments),
        "python": f'#!/bin/bash\nexec {shlex.quote(sys.executable)} "$@"\n',
        "scontrol": '#!/bin/bash\necho "$@" > "$OUTPUT.requeued"\n',
    }
    for name, text in {**programs, "script": script_of_docs("slurm")}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    job = next(number for number in range(4096) if is_free(61440 + number))
    environment = {
        **os.environ, "SLURM_JOB_ID": str(job), "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": "2", "SLURM_STEP_NUM_NODES": "1", "OUTPUT": str(tmp_path / "output"),
        "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path),
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }  # fmt: skip
    subprocess.run(["bash", tmp_path / "script"], cwd=REPOSITORY, env=environment, check=False)
    output = (tmp_path / "output.0").read_text()
    assert record_of(tmp_path / "run")["versions"]["hosts"] == 2, output
    assert (tmp_path / "output.1").read_text() == ""
    assert not (tmp_path / "output.requeued").exists()


def start_on(cluster, *arguments, **fields):
    return start_host(
        [*small_arguments(*arguments, **fields)[1:], "--hosts=ray", "--hosts.timeout=120"],
        REPOSITORY,
        RAY_ADDRESS=cluster.address,
    )


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning")
def test_ray_starts_a_host_on_each_node(tmp_path, cluster):
    run = outcome([start_on(cluster, tmp_path / "run", **RESIDENT)])
    assert run.codes == [0], run
    assert "on 2 x cpu of 2 hosts" in run.out[0]
    expected = train_undrawn(small_config(**RESIDENT), tmp_path / "one")
    assert_same_result(record_of(tmp_path / "run"), expected)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning")
def test_a_node_that_ray_loses_ends_the_run_with_a_line(tmp_path, cluster):
    fields = {**RESIDENT, "epochs": 100_000, "regions.every": 100_000}
    driver = start_on(cluster, tmp_path / "run", **fields)
    while not (tmp_path / "run" / "checkpoints" / "3").is_dir():
        assert driver.poll() is None
        time.sleep(0.05)
    (node,) = cluster.worker_nodes
    cluster.remove_node(node, allow_graceful=False)
    run = outcome([driver], timeout=120)
    assert run.codes == [4], run
    assert re.search(r"error: host [01] of 2 \(.*\) was lost", run.err[0]), run


@pytest.mark.slow
@pytest.mark.ray
def test_ray_takes_the_cluster_file_of_the_docs():
    util = pytest.importorskip("ray.autoscaler._private.util")
    yaml = pytest.importorskip("yaml")
    util.validate_config(util.prepare_config(yaml.safe_load(script_of_docs("ray"))))
