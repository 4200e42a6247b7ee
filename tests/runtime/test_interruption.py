"""Signals: a request that needs no lock, and runs that stay stoppable whatever comes."""

import os
import signal
import subprocess
import sys
import threading
import time

from rcjax.runtime import StopRequest, stop_requests
from rcjax.runtime.interruption import EXIT_CODE


class Reentrant(StopRequest):
    """A request in whose `set` another signal arrives, a few times over."""

    depth = 0

    def set(self):
        if self.depth < 5:
            self.depth += 1
            signal.raise_signal(signal.SIGINT)
        super().set()


def test_a_signal_within_the_handler_of_another_does_no_harm(monkeypatch):
    # With threading.Event this hangs: its lock is held by the handler that is interrupted.
    monkeypatch.setattr("rcjax.runtime.interruption.StopRequest", Reentrant)
    with stop_requests(second_ends=False) as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        assert stop.depth == 5


def test_a_thousand_signals_leave_a_process_stoppable(capfd):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stop_requests(second_ends=False) as stop:
        for number in range(1000):
            os.kill(os.getpid(), (signal.SIGINT, signal.SIGTERM)[number % 2])
        assert stop.wait(5)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert capfd.readouterr().err.strip() == "stopping as soon as a checkpoint can be saved"


BURST = """
import time
from rcjax.runtime import stop_requests
with stop_requests() as stop:
    print("ready", flush=True)
    while True:
        stop.wait(0.001)
        stop.set()
"""


def test_a_burst_ends_a_process():
    process = subprocess.Popen(
        [sys.executable, "-c", BURST], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    # However busy the machine is: signals that wait together count as one.
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == EXIT_CODE
    assert errors.count("stopping") <= 1
    assert "Traceback" not in errors


def test_waiting_ends_when_somebody_asks():
    stop = StopRequest()
    assert not stop.wait(0.0)
    threading.Timer(0.05, stop.set).start()
    began = time.monotonic()
    assert stop.wait(20)
    assert time.monotonic() - began < 10


def test_a_request_within_another_is_the_same_one():
    with stop_requests() as outer, stop_requests() as inner:
        assert inner is outer


def test_other_threads_leave_signals_alone():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with stop_requests() as stop:
            seen.extend([signal.getsignal(signal.SIGINT), stop.is_set()])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before, False]
