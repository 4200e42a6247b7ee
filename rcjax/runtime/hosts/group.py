"""The processes of a run as one group: who is the first, and what each of them has found."""

import functools
import itertools
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import jax

from rcjax.errors import UserError

_WAIT = 500  # milliseconds between looks at an end that another host has told
Value = TypeVar("Value")
Things = TypeVar("Things", bound=Any)  # a sequence that can be cut: a list, a range, an array


@dataclass(frozen=True)
class End:
    """The end of a run as a host tells the others.

    Attributes:
        host: number of the one that tells it.
        code: exit code of the others.
        message: what they say; empty where a host was lost.
    """

    host: int
    code: int
    message: str = ""


class HostsEnded(Exception):
    """Another host has ended the run."""


class Hosts:
    """The hosts of the run that this process is part of; a process by itself is a group of one.

    Values go as JSON through the store with which JAX coordinates its processes, not through the
    devices.

    Attributes:
        number: of this process, from 0.
        count: number of processes.
        ended: set once the run is over; waiting then raises `HostsEnded`.
        end: what another host has told of it.
    """

    def __init__(self, number: int, count: int, store: Any = None):
        self.number, self.count, self.store = number, count, store
        self.ended = threading.Event()
        self.end: End | None = None
        self._threads: list[threading.Thread] = []
        self._rounds = itertools.count()

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.number == 0

    @functools.cached_property
    def names(self) -> list[str]:
        """Names of the machines. All hosts must ask at the same place."""
        return self.gather(socket.gethostname())

    def gather(self, value: Value) -> list[Value]:
        """Returns the values that all hosts give, by number. All must ask in the same order.

        Args:
            value: what JSON can hold.
        """
        if self.count == 1:
            return [value]
        this = next(self._rounds)
        self.store.key_value_set(_key(this, self.number), json.dumps(value))
        values = [
            value if number == self.number else json.loads(self.wait_for(_key(this, number)))
            for number in range(self.count)
        ]
        # Whoever is in this round has read all of the one before the last.
        if this >= 2:
            self.store.key_value_delete(_key(this - 2, self.number))
        return values

    def from_first(self, find: Callable[[], Value]) -> Value:
        """Returns what `find` returns on host 0; it is called there alone. JSON must hold it."""
        return self.gather_all([find()] if self.first else [])[0]

    def meet(self) -> None:
        """Waits for all hosts."""
        self.gather(None)

    def share_of(self, things: Things) -> Things:
        """Returns this host's part of a sequence; the parts of all hosts in order make the whole.

        Example:
            >>> [Hosts(number, 3).share_of(range(7)) for number in range(3)]
            [range(0, 2), range(2, 4), range(4, 7)]
        """
        start, stop = (
            len(things) * number // self.count for number in (self.number, self.number + 1)
        )
        return things[start:stop]

    def gather_all(self, own: list[Value]) -> list[Value]:
        """Returns the values of all parts in order, for this host's values of its part.

        Args:
            own: what JSON can hold; tuples come back as lists.
        """
        return [value for part in self.gather(own) for value in part]

    def wait_for(self, key: str) -> str:
        """Waits for a key of the store; returns its value.

        Raises:
            HostsEnded: another host has ended the run meanwhile.
        """
        while not self.ended.is_set():
            try:
                return str(self.store.blocking_key_value_get(key, _WAIT))
            except jax.errors.JaxRuntimeError as error:
                if "DEADLINE_EXCEEDED" not in str(error):
                    raise
        raise HostsEnded

    def watch(self, look: Callable[[], None]) -> None:
        """Runs a function in the background, which returns soon after `ended` is set."""
        thread = threading.Thread(target=look, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop_watching(self) -> None:
        """Waits until nothing in the background uses the store any more."""
        self.ended.set()
        for thread in self._threads:
            thread.join()


def _key(this: int, number: int) -> str:
    return f"rcjax/round/{this}/{number}"


@functools.cache
def _joined() -> Hosts:
    # JAX has no public name for the store, nor for the number that a process was given: a TPU pod
    # may number its processes in another way. The store lives in the one that was given 0.
    from jax._src.distributed import global_state

    if global_state.client is None:
        raise UserError(
            f"this is one of {jax.process_count()} processes of a TPU pod, which do not know of "
            "each other; start the command on all of them with --hosts=auto"
        )
    return Hosts(global_state.process_id, global_state.num_processes, global_state.client)


def current_hosts() -> Hosts:
    """Returns the hosts of this process: those that JAX knows, however it was started."""
    return _joined() if jax.process_count() > 1 else Hosts(0, 1)
