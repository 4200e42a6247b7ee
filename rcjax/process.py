"""What a process of rcjax's own owes its user: an end at any signal, and an honest exit code.

Imports nothing heavy, so that Ctrl-C is answered from the first moment on.
"""

import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LINE = b"interrupted; nothing was lost, the same command goes on from here\n"
_leaving = threading.Lock()


def run_process(main: Callable[[], int]) -> int:
    """Runs the main function of a process; for the doors of rcjax, not within another program.

    Until the function installs handlers of its own, Ctrl-C and SIGTERM end the process with one
    line and exit code 130. A `KeyboardInterrupt` would not: libraries swallow it while they load.

    Args:
        main: returns the exit code.

    Returns:
        The exit code, whatever became of standard output meanwhile.
    """
    _leave_on_signals()
    from rcjax.terminal import release_standard_streams, secure_standard_streams

    secure_standard_streams()
    _silence_unfinished_storage()
    try:
        return main()
    finally:
        release_standard_streams()


def _silence_unfinished_storage() -> None:
    """Keeps quiet what orbax and tensorstore still had in hand when a read or a write failed.

    The failure itself is raised and becomes one line; its siblings would add a traceback each.
    """
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    show_as_before, report_as_before = sys.excepthook, sys.unraisablehook

    def show(kind: Any, error: BaseException, *rest: Any) -> None:
        if not _is_of_closed_loop(error):
            show_as_before(kind, error, *rest)

    def report(unraisable: Any) -> None:
        left_open = type(unraisable.object).__name__ == "coroutine" or (
            isinstance(unraisable.object, io.IOBase)
        )
        if not (left_open or _is_of_closed_loop(unraisable.exc_value)):
            report_as_before(unraisable)

    sys.excepthook, sys.unraisablehook = show, report


def _is_of_closed_loop(error: BaseException | None) -> bool:
    return isinstance(error, RuntimeError) and "Event loop is closed" in str(error)


def _leave_on_signals() -> None:
    process = os.getpid()

    def leave(number: int, frame: FrameType | None) -> None:
        _leave(process)

    for number in _SIGNALS:
        signal.signal(number, leave)
    # Python runs handlers between two steps of the main thread, which a compilation or a fit by a
    # library may keep for minutes within one step; a second thread does not wait for it.
    receiver, sender = os.pipe()
    os.set_blocking(sender, False)
    signal.set_wakeup_fd(sender, warn_on_full_buffer=False)
    # A forked child shares the pipe: a signal of its own is not one of this process.
    os.register_at_fork(after_in_child=_without_pipe)
    threading.Thread(target=_watch, args=(receiver, process), daemon=True).start()


def _without_pipe() -> None:
    signal.set_wakeup_fd(-1)


def _watch(receiver: int, process: int) -> None:
    while received := os.read(receiver, 1):
        if received[0] in _SIGNALS:
            _leave(process)


def _standard_error() -> int:
    # Not always 2: what the C++ of a library writes there may be kept from the user.
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return 2


def _leave(process: int) -> None:
    # Handler and thread both come here, and the handler may be interrupted by itself: one leaves.
    if not _leaving.acquire(blocking=False):
        return
    # Nothing here may wait for a lock that the interrupted code holds: no stream, no clean-up.
    try:
        if os.getpid() == process:
            # A terminal has shown ^C on the line at hand.
            error = _standard_error()
            os.write(error, b"\n" * os.isatty(error) + _LINE)
    except OSError:
        pass
    finally:
        os._exit(INTERRUPTED)
