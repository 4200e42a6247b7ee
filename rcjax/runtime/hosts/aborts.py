"""JAX's aborts, as one line: it ends the process itself where it loses the other hosts.

What it has to say it writes to file descriptor 2 from C++, past Python.
"""

import collections
import contextlib
import ctypes
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from rcjax.terminal import move_standard_error

_LOG_LINE = re.compile(rb"^(WARNING: All log|[IWEF]\d{4} |\*\*\* |    @ )")
_KEPT = 200  # lines
_TOGETHER = 0.5  # seconds within which a line goes on with the message before it
_handlers: list[Any] = []  # ctypes forgets a callback that nobody holds


class LogOfJax:
    """Descriptor 2 without the log of JAX's C++ part, which is kept for the moment of an abort.

    Everything else that is written there, by Python or by other libraries, goes where it went.
    """

    def __init__(self) -> None:
        self._lines: collections.deque[bytes] = collections.deque(maxlen=_KEPT)
        self._outside = os.dup(2)
        move_standard_error(self._outside)
        receiver, sender = os.pipe()
        os.dup2(sender, 2)
        os.close(sender)
        threading.Thread(target=self._pass_on, args=(receiver,), daemon=True).start()

    def _pass_on(self, receiver: int) -> None:
        last = -_TOGETHER
        with open(receiver, "rb") as lines:
            for line in lines:
                if _LOG_LINE.match(line):
                    last = time.monotonic()
                # A message may have several lines, of which only the first is marked.
                if time.monotonic() < last + _TOGETHER:
                    self._lines.append(line)
                else:
                    with contextlib.suppress(OSError):
                        os.write(self._outside, line)

    def lost_tasks(self) -> list[int]:
        """Returns the numbers of the processes that JAX says it has lost, if it does."""
        time.sleep(_TOGETHER / 2)  # what was written last is still being read
        return tasks_in(b"".join(self._lines))


def tasks_in(log: bytes) -> list[int]:
    r"""Returns the numbers of the lost processes that a log of JAX names, each on its line.

    Example:
        >>> tasks_in(b"The following tasks are unhealthy (no heartbeats):\n3\n12\nThe tasks\n")
        [3, 12]
    """
    lists = re.findall(rb"tasks are unhealthy.*:\n((?:\S*?\d+\n)+)", log)
    return sorted({int(number) for text in lists for number in re.findall(rb"(\d+)\n", text)})


@contextlib.contextmanager
def silent_output() -> Iterator[None]:
    """Drops what is written to descriptor 1 past Python."""
    sys.stdout.flush()
    outside = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(outside, 1)
        os.close(outside)
        os.close(nowhere)


def on_abort(call: Callable[[], None]) -> None:
    """Has `call` run in place of the end by SIGABRT; it must end the process.

    Python's own handlers run between two steps of the main thread, and there is none to come.
    """
    kind = ctypes.CFUNCTYPE(None, ctypes.c_int)
    handler = kind(lambda _: call())
    _handlers.append(handler)
    library = ctypes.CDLL(None)
    library.signal.argtypes = [ctypes.c_int, kind]
    library.signal.restype = ctypes.c_void_p
    library.signal(signal.SIGABRT, handler)
