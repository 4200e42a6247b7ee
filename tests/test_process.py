"""A process of rcjax's own: any signal at any moment ends it with one line and exit code 130."""

import os
import re
import signal
import subprocess
import sys

import pytest

from rcjax.process import INTERRUPTED

from .training.small_runs import REPOSITORY, small_arguments

LINE = "interrupted; nothing was lost, the same command goes on from here\n"
WORK = {
    # As libraries do while they load.
    "swallows exceptions": """
while True:
    try:
        time.sleep(10)
    except BaseException:
        pass
""",
    # As a compilation or the fit of a library: no step of Python ends for a minute.
    "is in a library": "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)",
    "has forked": """
if os.fork() == 0:
    os.kill(os.getpid(), signal.SIGTERM)
os.wait()
print("child ended", flush=True)
time.sleep(60)
""",
}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("work", WORK.values(), ids=WORK.keys())
def test_a_signal_ends_a_process_whatever_it_does(work, number):
    program = (
        "import hashlib, os, signal, time\nfrom rcjax.process import run_process\n"
        f"def main():\n    print('ready', flush=True)\n    exec({work!r})\nrun_process(main)"
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],  # of fork with threads
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    if "fork" in work:  # a signal of the child's alone ends the child alone
        assert process.stdout.readline() == "child ended\n"
    for _ in range(20):
        process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (INTERRUPTED, LINE)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("door", [["launch.py"], ["-m", "rcjax"]], ids=" ".join)
@pytest.mark.parametrize("seconds", [0.3, 1, 2, 4])
def test_a_signal_while_modules_load(tmp_path, door, seconds, number):
    arguments = small_arguments(tmp_path / "run", epochs=100_000)[1:]
    process = subprocess.Popen(
        [sys.executable, *door, *arguments], cwd=REPOSITORY, stderr=subprocess.PIPE, text=True
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    # On a quick machine training has begun by then, and what it did is saved.
    assert errors == LINE or re.search(
        r"^interrupted after \d+ epochs( and \d+ steps)?, all saved;", errors, re.M
    )
    assert "Traceback" not in errors


@pytest.mark.slow
@pytest.mark.parametrize("redirection", [">&- 2>&-", "| true"])
def test_output_decides_nothing_about_a_training(tmp_path, redirection):
    words = [sys.executable, "launch.py", *small_arguments(tmp_path / "run")[1:]]
    command = " ".join(f"'{word}'" for word in words)
    for _ in range(2):  # a run, and the record of a finished one
        done = subprocess.run(
            ["bash", "-c", f"{command} {redirection}; exit ${{PIPESTATUS[0]}}"],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert (tmp_path / "run" / "record.json").is_file()
