"""SIGKILL at any moment, then the same command: the same bytes as a run that nothing disturbed."""

import random
import subprocess
import sys
import time

import pytest

from .small_runs import REPOSITORY, small_arguments

RUN = [sys.executable, "launch.py"]


def start(workdir, **fields):
    arguments = small_arguments(workdir, epochs=30, **{"regions.every": 1, **fields})
    return subprocess.Popen(
        RUN + arguments[1:], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


@pytest.mark.slow
def test_killed_run_ends_the_same(tmp_path):
    undisturbed = start(tmp_path / "undisturbed")
    assert undisturbed.wait() == 0
    moment = random.Random(time.time_ns())  # a different moment each time, on purpose
    kills = 0
    while kills < 3:
        process = start(tmp_path / "killed")
        for _ in range(moment.randrange(2, 12)):  # lines of output to let pass
            process.stdout.readline()
        time.sleep(moment.uniform(0, 0.2))
        process.kill()
        kills += process.wait() == -9
        process.stdout.close()
    process = start(tmp_path / "killed")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    undisturbed.stdout.close()
    for name in ("record.json", "metrics.jsonl"):
        killed, reference = (tmp_path / run / name for run in ("killed", "undisturbed"))
        assert killed.read_bytes() == reference.read_bytes(), output
