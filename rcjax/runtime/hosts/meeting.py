"""The meeting of the processes of a run, before JAX connects them.

JAX aborts the process, or waits for minutes, where an address does not answer, a number is used
twice or a process does not come. So they meet at the same address first, by plain sockets, and say
who they are and what they are about to do: every disagreement becomes one line on each of them.
"""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from rcjax.errors import UserError
from rcjax.runtime.hosts.place import Place

_RETRY = 0.2  # seconds
_LONGEST = 2**22  # bytes of a greeting
_PATIENCE = 30  # seconds beyond the time limit for the answer of process 0
_STRAGGLERS = 20  # seconds in which those that come later are told of a refusal
_LISTED = 5  # differences in a line


@dataclass(frozen=True)
class Greeting:
    """What a process says of itself.

    Attributes:
        number, count: its place.
        name: of its machine.
        facts: what must be the same everywhere, {name: value} as JSON holds it.
        refusal: why it cannot take part; empty where it can.
    """

    number: int
    count: int
    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    refusal: str = ""


def meet(place: Place, facts: dict[str, Any], refusal: str = "") -> None:
    """Returns once all processes of a run have met and agree.

    Args:
        place: of this process.
        facts: what must be the same on every host.
        refusal: why this process cannot take part, for the others to know.

    Raises:
        UserError: they do not come, or do not agree; on every process the same, but for one that
            meets nobody.
    """
    facts = json.loads(json.dumps(facts, default=str))  # as the others read it
    own = Greeting(place.number, place.count, socket.gethostname(), facts, refusal)
    if place.number == 0:
        _receive_all(place, own)
    else:
        _report(place, own)


def _receive_all(place: Place, own: Greeting) -> None:
    end, verdict = time.monotonic() + place.timeout, ""
    greetings, waiting = {0: own}, list[socket.socket]()
    if own.refusal:
        end, verdict = time.monotonic() + _STRAGGLERS, f"host 0 ({own.name}): {own.refusal}"
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(_listening(place))
        for _ in range(place.count - 1):
            found = _next_greeting(listener, end)
            if found is None:
                verdict = verdict or _missing(place, greetings)
                break
            connection, greeting = found
            waiting.append(opened.enter_context(connection))
            if not verdict and (verdict := _objection(greetings, greeting)):
                end = min(end, time.monotonic() + _STRAGGLERS)
            greetings[greeting.number] = greeting
            if verdict:
                _answer_all(waiting, verdict)
        _answer_all(waiting, verdict)
    if verdict:
        raise UserError(verdict)


def _next_greeting(listener: socket.socket, end: float) -> tuple[socket.socket, Greeting] | None:
    """Waits for the next process of the run; None where none comes until `end`."""
    while (left := end - time.monotonic()) > 0:
        listener.settimeout(left)
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            break
        greeting = _read_greeting(connection)
        if greeting is not None:
            return connection, greeting
        connection.close()  # something else, that looks for open ports
    return None


def _answer_all(waiting: list[socket.socket], verdict: str) -> None:
    while waiting:
        _answer(waiting.pop(), verdict)


@contextlib.contextmanager
def _listening(place: Place) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    with listener:
        # Not for a port that another process listens at: that is refused all the same.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            listener.bind(("", place.port))
        except OSError as error:
            raise UserError(
                f"host 0 cannot listen at port {place.port} ({error.strerror}); end the process "
                "that has it, or give every host another address"
            ) from error
        listener.listen(place.count)
        yield listener


def _read_greeting(connection: socket.socket) -> Greeting | None:
    connection.settimeout(10)
    try:
        return Greeting(**json.loads(_line_of(connection)))
    except (OSError, ValueError, TypeError):
        return None


def _line_of(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\n") and len(received) < _LONGEST:
        part = connection.recv(2**16)
        if not part:
            break
        received += part
    return received


def _answer(connection: socket.socket, verdict: str) -> None:
    with contextlib.suppress(OSError):
        connection.settimeout(10)
        connection.sendall(json.dumps({"verdict": verdict}).encode() + b"\n")
        # The other one closes first: otherwise the port would stay taken for a minute.
        connection.recv(1)


def _missing(place: Place, greetings: dict[int, Greeting]) -> str:
    missing = [str(number) for number in range(place.count) if number not in greetings]
    numbers = ", ".join(missing[:20]) + (" ..." if len(missing) > 20 else "")
    return (
        f"after {place.timeout} s {len(greetings)} of {place.count} hosts are at {place.address}; "
        f"missing: {numbers}; start the same command there, or raise --hosts.timeout"
    )


def _objection(greetings: dict[int, Greeting], new: Greeting) -> str:
    """Says why a process cannot be part of the run of process 0; empty where it can."""
    first = greetings[0]
    if new.refusal:
        return f"host {new.number} ({new.name}): {new.refusal}"
    if new.count != first.count:
        return (
            f"host 0 ({first.name}) was told of {first.count} hosts and host {new.number} "
            f"({new.name}) of {new.count}; give all of them the same count"
        )
    if known := greetings.get(new.number):
        return (
            f"two processes say that they are host {new.number} ({known.name} and {new.name}); "
            "give each one a number of its own"
        )
    return _disagreement(first, new)


def _disagreement(first: Greeting, new: Greeting) -> str:
    absent = "(absent)"
    names = sorted({*first.facts, *new.facts})
    pairs = [(name, first.facts.get(name, absent), new.facts.get(name, absent)) for name in names]
    differences = [f"{name}: {one!r} and {other!r}" for name, one, other in pairs if one != other]
    if not differences:
        return ""
    more = f" and {len(differences) - _LISTED} more" if len(differences) > _LISTED else ""
    return (
        f"host 0 ({first.name}) and host {new.number} ({new.name}) disagree "
        f"({'; '.join(differences[:_LISTED])}{more}); give every host the same command and the "
        "same installation"
    )


def _report(place: Place, own: Greeting) -> None:
    end = time.monotonic() + place.timeout
    with _connected(place, end) as connection:
        try:
            connection.sendall(json.dumps(asdict(own)).encode() + b"\n")
            connection.settimeout(max(0, end - time.monotonic()) + _PATIENCE)
            verdict = json.loads(_line_of(connection))["verdict"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"what answers at {place.address} is no host 0 of this run, or it ended; look at "
                "its output, and check the address"
            ) from error
    if verdict:
        raise UserError(verdict)


@contextlib.contextmanager
def _connected(place: Place, end: float) -> Iterator[socket.socket]:
    while True:
        try:
            connection = socket.create_connection((place.host, place.port), timeout=5)
            break
        except OSError as error:
            if time.monotonic() < end:
                time.sleep(_RETRY)
                continue
            raise UserError(
                f"host 0 does not answer at {place.address} within {place.timeout} s "
                f"({error.strerror or error}); start the same command there, or check the address "
                "and the firewall"
            ) from error
    with connection:
        yield connection
