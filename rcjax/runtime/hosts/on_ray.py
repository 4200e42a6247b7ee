"""A run on the nodes of a Ray cluster: one process on each, which meet as on any other hosts.

Needs the extra `rcjax[ray]`. Ray finds the nodes and starts the processes; it does no more.
"""

import contextlib
import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import rcjax
from rcjax.errors import UserError
from rcjax.outside import one_line
from rcjax.runtime.hosts.endings import LOST
from rcjax.runtime.hosts.place import RayRequest
from rcjax.runtime.interruption import StopRequest, stop_requests
from rcjax.terminal import say, say_error

_TICK = 0.5  # seconds between looks at the hosts
_LINGER = 60  # seconds for the other hosts to end once one has been lost
# Silence Ray's warnings about settings we chose on purpose.
_ENVIRONMENT = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "0"}
_CLAIMED = ("CPU", "GPU", "TPU")
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class News:
    """What a host has said since it was last asked.

    Attributes:
        lines: (stream, line) in order; the stream is "out" or "err".
        code: exit code of its process; None while it runs.
    """

    lines: tuple[tuple[str, str], ...]
    code: int | None


class Host:
    """The process of a run on one node; lives in an actor of Ray."""

    def __init__(self) -> None:
        self._said: queue.Queue[tuple[str, str]] = queue.Queue()
        self._readers: list[threading.Thread] = []

    def address(self) -> str:
        """Returns HOST:PORT of this node, with a port that is free now."""
        import ray

        with socket.socket() as probe:
            probe.bind(("", 0))
            return f"{ray.util.get_node_ip_address()}:{probe.getsockname()[1]}"

    def start(self, arguments: Sequence[str], folder: str) -> None:
        """Starts the command with these arguments, in a folder where this node has it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rcjax", *arguments],
            cwd=folder if os.path.isdir(folder) else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
        )
        for name, stream in (("out", self._process.stdout), ("err", self._process.stderr)):
            reader = threading.Thread(target=self._read, args=(name, stream), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _read(self, name: str, stream: IO[str]) -> None:
        for line in stream:
            self._said.put((name, line.rstrip("\n")))

    def news(self) -> News:
        """Returns what came since the last call."""
        code = self._process.poll()
        if code is not None:
            for reader in self._readers:
                reader.join()
        lines = []
        with contextlib.suppress(queue.Empty):
            while True:
                lines.append(self._said.get_nowait())
        return News(tuple(lines), code)

    def stop(self) -> None:
        """Asks the process to stop with a checkpoint."""
        if self._process.poll() is None:
            self._process.terminate()


def run_on_ray(arguments: Sequence[str], request: RayRequest) -> int:
    """Runs a command on nodes of the cluster that this machine belongs to.

    Args:
        arguments: of the command, without those of the hosts.
        request: the nodes; without a count all that compute, those with accelerators where there
            are any. Its time limit holds until they are free, and then until the hosts have met.

    Returns:
        The exit code: that of the hosts, or of a lost host.

    Raises:
        UserError: Ray is not installed, has no cluster here, or too few nodes.
    """
    with _cluster() as ray, stop_requests() as stop:
        nodes = chosen_nodes(ray.nodes(), request.count)
        actors = _placed(ray, nodes, request.timeout)
        address = ray.get(actors[0].address.remote())
        common = [*arguments, f"--hosts.address={address}", f"--hosts.count={len(nodes)}"]
        common.append(f"--hosts.timeout={request.timeout}")
        for number, actor in enumerate(actors):
            actor.start.remote([*common, f"--hosts.number={number}"], os.getcwd())
        return _Watched(ray, actors, stop).until_the_end()


def chosen_nodes(nodes: Sequence[dict[str, Any]], count: int | None) -> list[dict[str, Any]]:
    """Returns the nodes of a run: those with accelerators where there are any, alike at best.

    Args:
        nodes: as `ray.nodes()` gives them.
        count: how many; None for all.

    Raises:
        UserError: there are too few.
    """
    alive = [node for node in nodes if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    for kind in ("TPU", "GPU"):
        if with_kind := [node for node in alive if node["Resources"].get(kind, 0) >= 1]:
            alive = with_kind
            break
    alive.sort(key=lambda node: (node["NodeManagerAddress"], node["NodeID"]))
    if len(alive) < (count or 1):
        raise UserError(
            f"--hosts.count={count or 1}, but the Ray cluster has {len(alive)} nodes that can "
            "compute; lower it or add nodes"
        )
    return alive[: count or None]


def _placed(ray: Any, nodes: Sequence[dict[str, Any]], timeout: int) -> list[Any]:
    """Returns an actor for each node, which claims all of it."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    actors = []
    for node in nodes:
        claimed = {name: node["Resources"].get(name, 0) for name in _CLAIMED}
        more = {"TPU": claimed["TPU"]} if claimed["TPU"] else {}
        actor = ray.remote(
            num_cpus=claimed["CPU"],
            num_gpus=claimed["GPU"],
            resources=more,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            runtime_env={"env_vars": _variables()},
        )(Host)
        actors.append(actor.remote())
    try:
        ray.get([actor.address.remote() for actor in actors], timeout=timeout)
    except ray.exceptions.RayActorError as error:
        raise UserError(
            f"Ray could not start a host on a node ({one_line(error)}); install rcjax there, with "
            'the same versions: pip install "rcjax[train,ray]"'
        ) from error
    except ray.exceptions.GetTimeoutError as error:
        raise UserError(
            f"the {len(nodes)} nodes of the Ray cluster were not free within {timeout} s; wait for "
            "what computes on them, or raise --hosts.timeout"
        ) from error
    return actors


def _variables() -> dict[str, str]:
    """Variables of this process by which a new one computes alike, and finds the same rcjax."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("JAX_") or name in ("XLA_FLAGS", "TFDS_DATA_DIR")
    }
    package = Path(rcjax.__file__).resolve().parents[1]
    if package.name not in _INSTALLED:
        paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
        kept["PYTHONPATH"] = os.pathsep.join(paths)
    return kept


class _Watched:
    """The hosts of a run until all of them have ended."""

    def __init__(self, ray: Any, actors: Sequence[Any], stop: StopRequest):
        self._ray, self._stop = ray, stop
        self._going = dict(enumerate(actors))
        self._codes: dict[int, int] = {}

    def until_the_end(self) -> int:
        asked, end = False, float("inf")
        while self._going and time.monotonic() < end:
            for number, actor in list(self._going.items()):
                self._hear(number, actor)
            if self._stop.is_set() and not asked:
                asked = True
                for actor in self._going.values():
                    actor.stop.remote()
            if LOST in self._codes.values():
                end = min(end, time.monotonic() + _LINGER)
            time.sleep(_TICK)
        codes = set(self._codes.values())
        return LOST if LOST in codes or not codes else max(codes)

    def _hear(self, number: int, actor: Any) -> None:
        try:
            news = self._ray.get(actor.news.remote())
        except self._ray.exceptions.RayError:
            say_error(f"host {number}: Ray has lost its node or its process")
            self._end(number, LOST)
            return
        for stream, line in news.lines:
            if number == 0:
                (say if stream == "out" else say_error)(line)
            else:
                say_error(f"host {number}: {line}")
        if news.code is not None:
            self._end(number, news.code if news.code >= 0 else LOST)

    def _end(self, number: int, code: int) -> None:
        self._codes[number] = code
        del self._going[number]


@contextlib.contextmanager
def _cluster() -> Iterator[Any]:
    """Ray, connected to the cluster of RAY_ADDRESS or to the one that this machine belongs to."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise UserError(
            "--hosts=ray needs Ray, which is not installed: pip install 'rcjax[ray]'"
        ) from error
    handler = signal.getsignal(signal.SIGTERM)
    try:
        address = os.environ.get("RAY_ADDRESS") or "auto"
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        text = (str(error).strip().splitlines() or ["no message"])[0]
        raise UserError(
            f"--hosts=ray: no Ray cluster here ({text[:200]}); start one with `ray up` or `ray "
            "start`, or set RAY_ADDRESS"
        ) from error
    signal.signal(signal.SIGTERM, handler)  # Ray takes it for itself
    try:
        yield ray
    finally:
        ray.shutdown()
