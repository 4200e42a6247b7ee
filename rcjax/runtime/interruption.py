"""Ctrl-C and SIGTERM: the first asks a run to stop with a checkpoint, the second ends it."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

from rcjax.terminal import say_error

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_TICK = 0.05  # seconds between looks at a request
EXIT_CODE = 130


class Interrupted(Exception):
    """The run was stopped on request, after saving a checkpoint."""


class StopRequest:
    """Whether a run was asked to stop: `threading.Event` without its lock.

    A signal handler runs between any two steps of the code that it interrupts, also while that code
    holds the lock of an event; a second signal would then wait for ever for the lock that the
    interrupted handler holds. Setting a plain attribute needs no lock.
    """

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        """Asks to stop."""
        self._set = True

    def is_set(self) -> bool:
        """Returns whether somebody has asked."""
        return self._set

    def wait(self, timeout: float) -> bool:
        """Waits until somebody asks, but no longer than `timeout` seconds; returns `is_set()`."""
        end = time.monotonic() + timeout
        while not self._set and (left := end - time.monotonic()) > 0:
            time.sleep(min(_TICK, left))
        return self._set


# Of the context that is open in this process, if one is.
_open: StopRequest | None = None


@contextlib.contextmanager
def stop_requests(*, second_ends: bool = True) -> Iterator[StopRequest]:
    """Yields a request that is set once the user (or the system) asks the process to stop.

    The main thread spends minutes inside one compiled call, where Python runs no signal handler.
    So a thread waits for signals: it answers the first at once with a message, and ends the process
    at the second. Outside the main thread nothing is changed and the request is never set.

    Inside such a context, another one changes nothing and yields the same request: a run that is
    part of a study must neither miss a request nor keep one from the study.

    Args:
        second_ends: False for a process that is asked to stop in more than one way at a time, and
            that its driver can end otherwise.
    """
    global _open
    if _open is not None:
        yield _open
        return
    requested = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield requested
        return
    _open = requested
    try:
        with _watched_signals(requested, second_ends):
            yield requested
    finally:
        _open = None


@contextlib.contextmanager
def _watched_signals(requested: StopRequest, second_ends: bool) -> Iterator[None]:
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    watcher = threading.Thread(target=_watch, args=(receiver, requested, second_ends), daemon=True)
    watcher.start()
    # Signals that come faster than they are read fill the buffer; those before are enough.
    old_descriptor = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)

    def handler(number, frame):
        # The thread has most likely set it; but it may run late, and this runs in the main thread.
        requested.set()

    old_handlers = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old_handler in old_handlers.items():
            signal.signal(number, old_handler)
        signal.set_wakeup_fd(old_descriptor)
        sender.close()  # ends the thread
        watcher.join()
        receiver.close()


def _watch(receiver: socket.socket, requested: StopRequest, second_ends: bool) -> None:
    first = True
    while received := receiver.recv(1):
        if received[0] not in _SIGNALS:
            continue
        if not first and second_ends:
            os._exit(EXIT_CODE)
        if first:
            remedy = "; once more to leave at once" if second_ends else ""
            new_line = "\n" if os.isatty(2) else ""
            requested.set()
            # A terminal has shown ^C, or a progress bar, on the line at hand.
            say_error(f"{new_line}stopping as soon as a checkpoint can be saved{remedy}")
        first = False
