"""One moment to stop for all hosts, whichever of them is asked to."""

import contextlib
import threading

import jax

from rcjax.runtime.hosts.group import Hosts, HostsEnded
from rcjax.runtime.interruption import StopRequest

_STOP, _ANSWERED = "rcjax/stop", "rcjax/answered"
_LOOK = 0.5  # seconds between looks at the store


def agreed_stop(asked: StopRequest, hosts: Hosts) -> StopRequest:
    """Returns a request that answers alike on all hosts, as often as they ask in the same order.

    Args:
        asked: the request of this host's own user or system.
        hosts: of the run.
    """
    return _AgreedStop(asked, hosts) if hosts.count > 1 else asked


class _AgreedStop(StopRequest):
    """Hosts ask "is it set?" in the same order, at the same steps, but not at the same time.

    Once one of them is asked to stop, each tells how many questions it has answered, all of them
    with no, and answers none before it knows of all; the first question that nobody has answered
    is the first to be answered with yes.
    """

    def __init__(self, asked: StopRequest, hosts: Hosts):
        super().__init__()
        self._asked, self._hosts = asked, hosts
        self._answered = 0
        self._last_no: int | None = None  # the last question to be answered with no, once agreed
        self._turn = threading.Condition()
        self._deciding = False
        hosts.watch(self._agree)

    def set(self) -> None:
        """Asks all hosts to stop."""
        self._asked.set()

    def is_set(self) -> bool:
        """Returns whether to stop here."""
        with self._turn:
            while self._deciding and self._last_no is None:
                if self._hosts.ended.is_set():
                    raise HostsEnded
                self._turn.wait(_LOOK)
            if self._last_no is not None and self._answered >= self._last_no:
                self._set = True
            if not self._set:
                self._answered += 1
        return self._set

    def _agree(self) -> None:
        while not self._hosts.ended.is_set():
            if self._asked.wait(_LOOK):
                self._tell(_STOP, "")
            elif not self._is_told(_STOP):
                continue
            with self._turn:
                self._deciding = True
                self._tell(f"{_ANSWERED}/{self._hosts.number}", str(self._answered))
            with contextlib.suppress(HostsEnded, jax.errors.JaxRuntimeError):
                counts = [
                    int(self._hosts.wait_for(f"{_ANSWERED}/{number}"))
                    for number in range(self._hosts.count)
                ]
                with self._turn:
                    self._last_no = max(counts)
                    self._turn.notify_all()
            return

    def _tell(self, key: str, value: str) -> None:
        with contextlib.suppress(jax.errors.JaxRuntimeError):  # another host has told it
            self._hosts.store.key_value_set(key, value)

    def _is_told(self, key: str) -> bool:
        try:
            self._hosts.store.key_value_try_get(key)
        except jax.errors.JaxRuntimeError:
            return False
        return True
