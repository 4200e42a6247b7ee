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


@contextlib.contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """Yields an event that is set once the user (or the system) asks the process to stop.

    The main thread spends minutes inside one compiled call, where Python runs no signal handler.
    So a thread waits for signals: it answers the first at once with a message, and ends the process
    at the second. Outside the main thread nothing is changed and the event is never set.
    """
    requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield requested
        return
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    watcher = threading.Thread(target=_watch, args=(receiver, requested), daemon=True)
    watcher.start()
    old_descriptor = signal.set_wakeup_fd(sender.fileno())

    def handler(number, frame):
        # The thread has most likely set it; but it may run late, and this runs in the main thread.
        requested.set()

    old_handlers = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield requested
    finally:
        for number, old_handler in old_handlers.items():
            signal.signal(number, old_handler)
        signal.set_wakeup_fd(old_descriptor)
        sender.close()  # ends the thread
        watcher.join()
        receiver.close()


def _watch(receiver: socket.socket, requested: threading.Event) -> None:
    first = True
    while received := receiver.recv(1):
        if received[0] not in _SIGNALS:
            continue
        if not first:
            os._exit(EXIT_CODE)
        first = False
        requested.set()
        print(
            "\nstopping at the end of this epoch, with a checkpoint; once more to leave at once",
            file=sys.stderr,
            flush=True,
        )
