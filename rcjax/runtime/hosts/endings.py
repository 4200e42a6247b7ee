"""The end of a host is the end of the run: each host tells the others, and hears of theirs.

A host that meets an error posts it in the store of the run; a thread on every other one sees it
there, and ends its process, whatever that is waiting for. A host that dies posts nothing. Then a
transfer between the others fails, or JAX misses its heartbeat and aborts the process
(`rcjax.runtime.hosts.aborts`); who finds out first posts that, and whoever does not acknowledge it
is the one that was lost.
"""

import contextlib
import json
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from typing import NoReturn

import jax

from rcjax.runtime.hosts.group import End, Hosts
from rcjax.terminal import say_error, shortened

USER_ERROR, LOST = 2, 4
_END, _HEARD = "rcjax/end", "rcjax/heard"
_LOOK = 0.5  # seconds between looks at the store
_GRACE = 3.0  # seconds for the main thread to tidy up after another host's end
_ANSWERS = 2.5  # seconds for all hosts to acknowledge an end
# What JAX raises where a transfer to another process fails.
_TRANSFER = re.compile(
    r"gloo|nccl|connection (closed|reset|refused)|broken pipe|socket closed|heartbeat"
    r"|coordination ?service|unavailable|deadline_exceeded",
    re.IGNORECASE,
)
_leaving = threading.Lock()


def watch(hosts: Hosts) -> None:
    """Ends this process once another host of the run has told of its end."""
    hosts.watch(lambda: _watch(hosts))


def _watch(hosts: Hosts) -> None:
    while not hosts.ended.wait(_LOOK):
        if (end := _told(hosts)) is None:
            continue
        hosts.end = end
        _acknowledge(hosts)
        hosts.ended.set()
        time.sleep(_GRACE)
        leave_after_another(hosts)


def _told(hosts: Hosts) -> End | None:
    try:
        return End(**json.loads(hosts.store.key_value_try_get(_END)))
    except jax.errors.JaxRuntimeError:  # nobody has told of an end, or the store is gone
        return None


def _acknowledge(hosts: Hosts) -> None:
    with contextlib.suppress(jax.errors.JaxRuntimeError):
        hosts.store.key_value_set(f"{_HEARD}/{hosts.number}", "", allow_overwrite=True)


def leave_after_another(hosts: Hosts) -> NoReturn:
    """Ends the process with one line, after another host has told of its end."""
    end = hosts.end or _told(hosts) or End(0, LOST)
    line = _told_line(hosts, end) if end.message else _lost(hosts)
    _leave(hosts, end.code, line)


def leave_after_abort(hosts: Hosts, lost: Sequence[int]) -> NoReturn:
    """Ends the process in place of JAX, which aborts it: the store may be gone.

    Args:
        hosts: of the run.
        lost: numbers of the hosts that JAX names, if it does.
    """
    end = hosts.end
    if end is not None and end.message:  # host 0 had told why before it went
        _leave(hosts, end.code, _told_line(hosts, end), waiting=False)
    # JAX names nobody where it is host 0 that does not answer.
    others = [number for number in lost if number != hosts.number]
    _leave(hosts, LOST, lost_line(hosts, others or [0]), waiting=False)


def _told_line(hosts: Hosts, end: End) -> str:
    return f"error: host {end.host} ({hosts.names[end.host]}): {end.message}"


def leave_after_error(hosts: Hosts, message: str) -> NoReturn:
    """Ends the process with exit code 2 once the others know why; the line was said already."""
    _post(hosts, End(hosts.number, USER_ERROR, shortened(message)))
    _leave(hosts, USER_ERROR, "")


def leave_after_exception(hosts: Hosts, error: BaseException) -> NoReturn:
    """Ends the process after what no user can mend: the loss of another host, or a fault of ours.

    Args:
        hosts: of the run.
        error: that was raised.
    """
    if is_of_transfer(error):
        _post(hosts, End(hosts.number, LOST))
        leave_after_another(hosts)  # whichever of the two was told first
    traceback.print_exception(error)
    _post(hosts, End(hosts.number, LOST, f"{type(error).__name__}; its output says more"))
    _leave(hosts, 1, "")


def is_of_transfer(error: BaseException) -> bool:
    """Whether an exception says that another process could not be reached."""
    of_jax = isinstance(error, jax.errors.JaxRuntimeError | ValueError | RuntimeError)
    return of_jax and _TRANSFER.search(str(error)) is not None


def _post(hosts: Hosts, end: End) -> None:
    hosts.ended.set()
    with contextlib.suppress(jax.errors.JaxRuntimeError):  # another host was faster
        hosts.store.key_value_set(_END, json.dumps(asdict(end)))
    _acknowledge(hosts)


def _lost(hosts: Hosts) -> str:
    """Says which hosts do not answer any more."""
    missing = sorted(set(range(hosts.count)) - _answering(hosts))
    return lost_line(hosts, missing)


def lost_line(hosts: Hosts, lost: Sequence[int]) -> str:
    """Returns the line of a run that has lost hosts, by their numbers as far as these are known."""
    named = ", ".join(f"host {number} of {hosts.count} ({hosts.names[number]})" for number in lost)
    return (
        f"error: {named or f'one of {hosts.count} hosts'} was lost, and the run ended; the same "
        "command goes on from its newest checkpoint, with this or another number of hosts"
    )


def _answering(hosts: Hosts) -> set[int]:
    """Returns the numbers of the hosts that have acknowledged the end, once they had the time."""
    end, found = time.monotonic() + _ANSWERS, {hosts.number}
    while len(found) < hosts.count and time.monotonic() < end:
        time.sleep(_LOOK / 5)
        try:
            answers = hosts.store.key_value_dir_get(_HEARD)
        except jax.errors.JaxRuntimeError:
            return found
        found |= {int(key.rpartition("/")[2]) for key, _ in answers}
    return found


def _leave(hosts: Hosts, code: int, line: str, *, waiting: bool = True) -> NoReturn:
    # Main thread, watching thread and handler of aborts may all come here: one of them speaks.
    if not _leaving.acquire(blocking=False):
        time.sleep(60)
    if line:
        say_error(line)
    # The store lives in host 0: it stays until the others have read it.
    if hosts.first and waiting:
        _answering(hosts)
        time.sleep(_LOOK)
    end_process(code)


def end_process(code: int) -> NoReturn:
    """Ends the process without a word to JAX, which would wait for the other hosts."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
