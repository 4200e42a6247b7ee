"""Executors: every run is made once, whatever dies while it is made."""

import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rcjax.config import ExecutorSection, RunConfig
from rcjax.errors import UserError
from rcjax.runtime import StopRequest
from rcjax.runtime.workdir import Workdir
from rcjax.study.executors import environment, processes, ray, resources
from rcjax.study.executors.resources import visible_gpus, worker_resources
from rcjax.study.jobs import Job, Outcome
from rcjax.study.plan import plan_study

from .small_studies import REPOSITORY, small_study, write_config

SETTINGS = ExecutorSection(retries=2)


def test_cores_are_divided_among_workers():
    def cores(**settings):
        found = worker_resources(replace(SETTINGS, **settings), [0, 2, 4, 5, 6])
        return [share.cores for share in found]

    assert cores() == [(0,), (2,), (4,), (5,), (6,)]
    assert cores(workers=2) == cores(cpus_per_run=2.0) == [(0, 2), (4, 5)]
    assert cores(workers=7)[5:] == [(0,), (2,)]
    assert len(cores(cpus_per_run=64.0)) == 1


def test_gpus_are_divided_among_workers(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,3,GPU-7")

    def devices(**settings):
        found = [share.environment for share in worker_resources(replace(SETTINGS, **settings))]
        return [environment.get("CUDA_VISIBLE_DEVICES") for environment in found]

    assert devices(gpus_per_run=1.0) == ["1", "3", "GPU-7"]
    assert devices(gpus_per_run=2.0) == ["1,3"]
    assert devices(gpus_per_run=0.5, workers=4) == ["1", "1", "3", "3"]
    with pytest.raises(UserError, match=r"4 workers with executor.gpus_per_run = 1 need more GPUs"):
        worker_resources(replace(SETTINGS, gpus_per_run=1.0, workers=4))


@pytest.mark.parametrize("runs", range(1, 12))
def test_runs_that_share_a_gpu_fill_it(monkeypatch, runs):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    for share in (1 / runs, math.floor(10_000 / runs) / 10_000):
        check = {"executor.name": "processes", "executor.gpus_per_run": share}
        settings = plan_study(small_study(**check).to_dict()).settings.executor
        found = [each.environment for each in worker_resources(settings)]
        devices = [environment["CUDA_VISIBLE_DEVICES"] for environment in found]
        assert devices == ["0"] * runs + ["1"] * runs
        fractions = [float(each.get("XLA_PYTHON_CLIENT_MEM_FRACTION", 0.9)) for each in found]
        assert 0.85 < sum(fractions[:runs]) < 0.91


@pytest.mark.skipif(
    not Path("/proc/self/environ").exists(),
    reason="only Linux shows the environment of another process, in /proc",
)
def test_a_worker_takes_its_share_of_a_gpus_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("XLA_CLIENT_MEM_FRACTION", "0.8")  # which JAX refuses beside its other name
    share = worker_resources(replace(SETTINGS, gpus_per_run=0.25))[2]
    worker = processes._Worker(share, tmp_path / "log.txt")
    pid = worker._start().pid
    try:
        # What exec gave the process; until then it still has that of this one.
        wait_until(lambda: "executors.worker" in command_line(pid))
        given = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    finally:
        worker.end()
    environment = dict(entry.split("=", 1) for entry in given if "=" in entry)
    asks = (
        "from jaxlib.xla_client import generate_pjrt_gpu_plugin_options as options; "
        "print(options()['memory_fraction'])"
    )
    told = subprocess.run(
        [sys.executable, "-c", asks], env=environment, capture_output=True, text=True, check=True
    )
    assert float(told.stdout) == 0.225
    assert environment["CUDA_VISIBLE_DEVICES"] == "0"


@pytest.mark.parametrize(
    ("variable", "names"),
    [
        ("0, 1", ["0", "1"]),
        ("0,-1,1", ["0"]),
        ("-1", []),
        ("NoDevFiles", []),
        ("", []),
        ("all", ["0", "1"]),
        (None, ["0", "1"]),
    ],
)
def test_gpus_are_those_that_cuda_sees(monkeypatch, variable, names):
    listed = "GPU 0: H100 (UUID: GPU-1)\n  MIG 1g.10gb Device 0: (UUID: MIG-2)\nGPU 1: H100 (UUID)"

    def nvidia_smi(*arguments, **options):
        return subprocess.CompletedProcess((), 0, listed)

    monkeypatch.setattr(resources.subprocess, "run", nvidia_smi)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert visible_gpus() == names


HIDDEN = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}


def test_gpus_nobody_asked_for_are_hidden_and_told_of(monkeypatch, capsys):
    monkeypatch.delenv("JAX_PLATFORMS")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert worker_resources(replace(SETTINGS, workers=1))[0].environment == HIDDEN
    told = "GPUs are there (2), but executor.gpus_per_run = 0, so the runs use none; --config.exec"
    assert told in capsys.readouterr().out
    given = ray.task_environment([{"CPU": 8, "GPU": 2}, {"CPU": 8}], SETTINGS)
    assert HIDDEN.items() <= given.items()
    assert told in capsys.readouterr().out
    # Where there is none, JAX may find a device of another kind.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert not HIDDEN.keys() & worker_resources(replace(SETTINGS, workers=1))[0].environment.keys()
    assert not HIDDEN.keys() & ray.task_environment([{"CPU": 8}], SETTINGS).keys()
    assert not capsys.readouterr().out


def test_tasks_compute_as_the_driver_would(monkeypatch):
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    monkeypatch.setenv("TFDS_DATA_DIR", "/data")
    given = ray.task_environment([], replace(SETTINGS, gpus_per_run=0.25, cpus_per_run=1.5))
    expected = {"JAX_ENABLE_X64": "1", "TFDS_DATA_DIR": "/data", "NPROC": "2"}
    assert (expected | {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.225"}).items() <= given.items()


def test_one_node_must_have_room_for_a_run():
    nodes = [{"CPU": 16.0}, {"CPU": 1.0, "GPU": 8.0}]
    ray.check_resources(nodes, replace(SETTINGS, cpus_per_run=16.0))
    ray.check_resources(nodes, replace(SETTINGS, gpus_per_run=1.0))
    with pytest.raises(UserError, match=r"no node .*\(there are nodes with 1 and 8, 16 and 0\)"):
        ray.check_resources(nodes, replace(SETTINGS, cpus_per_run=2.0, gpus_per_run=1.0))


def test_installed_packages_stay_behind_the_standard_library(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/mine")
    assert environment.python_path() == {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}/mine"}
    assert environment.python_path("/lib/site-packages/rcjax/__init__.py") == {}


class Mortal:
    """A worker that dies so many times before it does a job."""

    log = Path("log")

    def __init__(self, deaths):
        self.deaths = deaths

    def do(self, job):
        self.deaths -= 1
        return None if self.deaths >= 0 else Outcome(job.name, "completed", "")

    def end(self):
        return "was killed by signal 9 (SIGKILL)"


@pytest.mark.parametrize(("deaths", "status"), [(0, "completed"), (2, "completed"), (3, "failed")])
def test_a_run_is_tried_again_so_many_times(deaths, status):
    pool = processes._WorkerPool([], [], retries=2, stop=StopRequest())
    outcome = pool._attempt(Mortal(deaths), Job("one", RunConfig(), "."))
    assert outcome.status == status
    if status == "failed":
        assert outcome.message == "its worker was killed by signal 9 (SIGKILL), 3 times; see log"


def test_jobs_without_a_worker_fail_with_the_reason(tmp_path):
    jobs = [Job(name, RunConfig(), str(tmp_path / "nowhere")) for name in ("one", "two", "three")]
    outcomes = []
    processes.execute(jobs, replace(SETTINGS, workers=2), outcomes.append, StopRequest())
    assert sorted(outcome.name for outcome in outcomes) == ["one", "three", "two"]
    for outcome in outcomes:
        assert outcome.status == "failed"
        assert re.match(r"no worker can be started \(.*No such file.*logs/worker-", outcome.message)


class TasksAtOnce:
    """Stands in for Ray: a task ends as soon as it is waited for, with a given outcome."""

    def __init__(self, statuses):
        self.statuses = iter(statuses)
        self.submitted = 0

    class exceptions:
        TaskCancelledError = RayError = KeyError

    def start_task(self, job, folder):
        self.submitted += 1
        return self.submitted

    def wait(self, references, timeout):
        return references[:1], references[1:]

    def get(self, reference):
        return Outcome("one", next(self.statuses), "")


@pytest.mark.parametrize(
    ("interruptions", "stopping", "status", "submitted"),
    [
        (2, False, "completed", 3),
        (3, False, "failed", 3),
        pytest.param(1, True, "interrupted", 1, id="on request"),
    ],
)
def test_a_task_that_was_interrupted_is_submitted_again(interruptions, stopping, status, submitted):
    stop, outcomes = StopRequest(), []
    if stopping:
        stop.set()
    tasks = TasksAtOnce(["interrupted"] * interruptions + ["completed"])
    ray._Tasks(tasks, tasks.start_task, 2, stop).work(
        [Job("one", RunConfig(), ".")], outcomes.append
    )
    assert [outcome.status for outcome in outcomes] == [status]
    assert tasks.submitted == submitted


class HardOfHearing(TasksAtOnce):
    """Its task hears the third request to stop alone, as one that began amid the others."""

    asked = 0

    def cancel(self, reference):
        self.asked += 1

    def wait(self, references, timeout):
        return (references, []) if self.asked == 3 else ([], references)


def test_a_task_that_misses_a_request_to_stop_is_asked_again(monkeypatch):
    monkeypatch.setattr(ray, "_ASK_AGAIN", 0.0)
    stop, outcomes = StopRequest(), []
    stop.set()
    tasks = HardOfHearing(["interrupted"])
    ray._Tasks(tasks, tasks.start_task, 2, stop).work(
        [Job("one", RunConfig(), ".")], outcomes.append
    )
    assert [outcome.status for outcome in outcomes] == ["interrupted"]


def test_without_ray_there_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"not installed: pip install 'rcjax\[ray\]'"):
        ray.execute([], SETTINGS, print, StopRequest())


# What follows kills real processes.


def start(config_file, workdir, *overrides):
    command = [sys.executable, "launch.py", f"--config={config_file}", f"--workdir={workdir}"]
    return subprocess.Popen(
        [*command, *overrides],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def descendants(pid):
    """Process numbers of all that a process has started, and of what those have."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:  # it has just ended
            continue
        for child in children:
            found += [int(child), *descendants(int(child))]
    return found


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def workers_of(pid, title):
    return [child for child in descendants(pid) if title in command_line(child)]


def kill(pid):
    """SIGKILL, to a process that may have ended by itself."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def wait_until(condition):
    """Ten minutes are for machines that do much else; a condition that never holds fails."""
    until = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def records(workdir):
    return {
        path.parent.name: path.read_bytes() for path in Path(workdir).glob("runs/*/record.json")
    }


def without_cores(found):
    """Records but for the processor's cores, of which every executor gives a run another share."""
    return {name: re.sub(rb'"cpu_count": \d+', b"", record) for name, record in found.items()}


def logs(workdir):
    return "".join(path.read_text() for path in Path(workdir).glob("logs/*.txt"))


def longer_study(tmp_path, **fields):
    """Four runs that take long enough to be killed."""
    config = small_study(epochs=24, **{"regions.every": 1, "executor.retries": 50, **fields})
    return write_config(tmp_path / "own.py", config)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Records of the longer study, made one after the other, as by one worker of two."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NPROC", "1")
        driver = start(longer_study(folder), folder / "study")
        output, _ = driver.communicate()
    assert driver.returncode == 0, output
    return records(folder / "study")


def kill_workers_now_and_then(driver, title):
    """Three times one of the workers at work; returns how many that met."""
    moment = random.Random(time.time_ns())  # a different moment each time, on purpose
    kills = 0
    for _ in range(3):
        wait_until(lambda: workers_of(driver.pid, title) or driver.poll() is not None)
        time.sleep(moment.uniform(1, 4))
        workers = workers_of(driver.pid, title)
        kills += kill(moment.choice(workers)) if workers else 0
    return kills


def wait_until_ended(pids, title):
    wait_until(lambda: not any(title in command_line(pid) for pid in pids))


READS_PROC = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
EXECUTORS = pytest.mark.parametrize(
    ("executor", "title"),
    [
        ("processes", "rcjax.study.executors.worker"),
        pytest.param("ray", "ray::_do_job", marks=pytest.mark.ray),
    ],
)
FIRST_TWO = ("learning_rate=0.1,seed=0", "learning_rate=0.1,seed=1")


@pytest.mark.slow
@EXECUTORS
@READS_PROC
def test_killed_workers_and_drivers_lose_nothing(tmp_path, undisturbed, executor, title):
    file = longer_study(tmp_path, **{"executor.name": executor, "executor.workers": 2})
    killed = tmp_path / "killed"
    driver = start(file, killed)
    assert kill_workers_now_and_then(driver, title)
    orphans = workers_of(driver.pid, title)
    driver.kill()
    driver.communicate()
    wait_until_ended(orphans, title)
    kept = records(killed)
    driver = start(file, killed)
    output, _ = driver.communicate()
    assert driver.returncode == 0, output
    assert kept.items() <= records(killed).items()
    assert without_cores(records(killed)) == without_cores(undisturbed)
    assert len(undisturbed) == 4
    report = json.loads((killed / "report.json").read_text())
    assert [run["status"] for run in report["runs"]] == ["completed"] * 4


def wait_for_epoch(workdir, epoch, *names):
    """Until every one of the runs has come so far."""
    logs = [Path(workdir) / "logs" / f"{name}.txt" for name in names]
    wait_until(lambda: all(log.exists() and f"epoch {epoch}/" in log.read_text() for log in logs))


@pytest.mark.slow
@EXECUTORS
@READS_PROC
def test_a_job_that_is_asked_to_stop_saves_all_checkpoints(tmp_path, executor, title):
    """A batch system signals every process: the workers hear of it twice."""
    file = longer_study(tmp_path, **{"executor.name": executor, "executor.workers": 2})
    driver = start(file, tmp_path / "study")
    wait_for_epoch(tmp_path / "study", 2, *FIRST_TWO)
    for pid in (driver.pid, *workers_of(driver.pid, title)):
        os.kill(pid, signal.SIGTERM)
    output, _ = driver.communicate()
    assert driver.returncode == 130, output
    # Ray may begin the other two as soon as the first two have saved their checkpoints.
    stopped = len(re.findall(r" interrupted: interrupted after \d+ epochs, all saved", output))
    assert 2 <= stopped <= (4 if executor == "ray" else 2), output
    told = f"interrupted with 0 of 4 runs done, {stopped} stopped, checkpoint saved"
    assert told in output, output
    for name in FIRST_TWO:
        (epochs,) = re.findall(rf"{name} interrupted: interrupted after (\d+) epochs", output)
        assert (tmp_path / "study" / "runs" / name / "checkpoints" / str(2 * int(epochs))).is_dir()


@pytest.mark.slow
@READS_PROC
def test_a_run_that_is_lost_while_all_stop_is_named(tmp_path):
    file = longer_study(tmp_path, **{"executor.name": "processes", "executor.workers": 1})
    driver = start(file, tmp_path / "study")
    wait_for_epoch(tmp_path / "study", 2, FIRST_TWO[0])
    (worker,) = workers_of(driver.pid, "rcjax.study.executors.worker")
    os.kill(worker, signal.SIGSTOP)
    driver.send_signal(signal.SIGTERM)
    time.sleep(1)
    os.kill(worker, signal.SIGKILL)
    output, _ = driver.communicate()
    assert driver.returncode == 130, output
    lost = (
        f"0 of 4 runs done; {FIRST_TWO[0]} goes on from an earlier checkpoint (its worker was kil"
    )
    assert lost in output


# The cluster's processes are started from this one, in which other tests may have used JAX.
RAY_FORKS = pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning")


def start_on(cluster, tmp_path):
    fields = {"executor.name": "ray", "executor.ray_address": cluster.address}
    return start(longer_study(tmp_path, **fields), tmp_path / "study")


@pytest.mark.slow
@pytest.mark.ray
@READS_PROC
@RAY_FORKS
def test_a_node_that_is_lost_takes_no_run_with_it(tmp_path, undisturbed, cluster):
    driver = start_on(cluster, tmp_path)
    wait_for_epoch(tmp_path / "study", 3, *FIRST_TWO)
    (node,) = cluster.worker_nodes
    (raylet,) = node.all_processes["raylet"]
    (worker,) = workers_of(raylet.process.pid, "ray::_do_job")
    # First it is asked to stop, as where a node is emptied; then it is lost with its node.
    os.kill(worker, signal.SIGTERM)
    wait_until(lambda: "resuming after" in logs(tmp_path / "study"))
    cluster.remove_node(node, allow_graceful=False)
    output, _ = driver.communicate()
    assert driver.returncode == 0, output
    assert records(tmp_path / "study") == undisturbed


@pytest.mark.slow
@pytest.mark.ray
@READS_PROC
@RAY_FORKS
def test_a_driver_may_follow_at_once_on_one_that_was_killed(tmp_path, undisturbed, cluster):
    driver = start_on(cluster, tmp_path)
    wait_for_epoch(tmp_path / "study", 3, *FIRST_TWO)
    orphans = workers_of(os.getpid(), "ray::_do_job")
    driver.kill()
    driver.communicate()
    wait_until(lambda: not any(Path(f"/proc/{orphan}").exists() for orphan in orphans))
    # As an orphan does that Ray cannot reach.
    with Workdir(tmp_path / "study" / "runs" / FIRST_TWO[1], {}).claimed():
        driver = start_on(cluster, tmp_path)
        wait_until(lambda: "in use by another process; waiting" in logs(tmp_path / "study"))
    output, _ = driver.communicate()
    assert driver.returncode == 0, output
    assert records(tmp_path / "study") == undisturbed
