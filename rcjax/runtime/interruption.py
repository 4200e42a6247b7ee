"""Ctrl-C and SIGTERM: the first asks a run to stop after the epoch, the second ends it."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_CODE = 130


class Interrupted(Exception):
    """The run was stopped on request, after saving a checkpoint."""


# Of the context that is open in this process, if one is.
_open: threading.Event | None = None


@contextlib.contextmanager
def stop_requests(*, second_ends: bool = True) -> Iterator[threading.Event]:
    """Yields an event that is set once the user (or the system) asks the process to stop.

    The main thread spends minutes inside one compiled call, where Python runs no signal handler.
    So a thread waits for signals: it answers the first at once with a message, and ends the process
    at the second. Outside the main thread nothing is changed and the event is never set.

    Inside such a context, another one changes nothing and yields the same event: a run that is part
    of a study must neither miss a request nor keep one from the study.

    Args:
        second_ends: False for a process that is asked to stop in more than one way at a time, and
            that its driver can end otherwise.
    """
    global _open
    if _open is not None:
        yield _open
        return
    requested = threading.Event()
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
def _watched_signals(requested: threading.Event, second_ends: bool) -> Iterator[None]:
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    watcher = threading.Thread(target=_watch, args=(receiver, requested, second_ends), daemon=True)
    watcher.start()
    old_descriptor = signal.set_wakeup_fd(sender.fileno())

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


def _watch(receiver: socket.socket, requested: threading.Event, second_ends: bool) -> None:
    first = True
    while received := receiver.recv(1):
        if received[0] not in _SIGNALS:
            continue
        if not first and second_ends:
            os._exit(EXIT_CODE)
        if first:
            remedy = "; once more to leave at once" if second_ends else ""
            requested.set()
            print(
                f"\nstopping at the end of this epoch, with a checkpoint{remedy}",
                file=sys.stderr,
                flush=True,
            )
        first = False
