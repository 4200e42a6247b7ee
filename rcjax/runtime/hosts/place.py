"""The place of this process in a run on several hosts: by flags, or as the cluster tells it."""

import os
import re
from dataclasses import dataclass

from rcjax.errors import UserError

AUTO, RAY = "auto", "ray"
DEFAULT_TIMEOUT = 300
_USAGE = (
    "write --hosts=auto under SLURM, Open MPI, Kubernetes or on a TPU pod, --hosts=ray on a Ray "
    "cluster, or "
    "--hosts.address=HOST:PORT --hosts.count=N --hosts.number=K, K = 0 on the host of that address"
)


@dataclass(frozen=True)
class HostFlags:
    """The flags of a command that runs on several hosts, as text; empty where they are not given.

    Attributes:
        mode: of `--hosts`.
        address, count, number, timeout: of `--hosts.address` and so on.
    """

    mode: str = ""
    address: str = ""
    count: str = ""
    number: str = ""
    timeout: str = ""


@dataclass(frozen=True)
class RayRequest:
    """What a driver asks of a Ray cluster: nodes, None for all, and seconds until all are there."""

    count: int | None
    timeout: int


@dataclass(frozen=True)
class Place:
    """The place of one process among those of a run.

    Attributes:
        address: HOST:PORT at which process 0 listens.
        count: number of processes.
        number: of this process, from 0.
        timeout: seconds within which all of them must be there.
        devices: numbers of the local devices that are this process's; None for all.
    """

    address: str
    count: int
    number: int
    timeout: int = DEFAULT_TIMEOUT
    devices: tuple[int, ...] | None = None

    @property
    def port(self) -> int:
        """The port of the address."""
        return int(self.address.rpartition(":")[2])

    @property
    def host(self) -> str:
        """The host of the address, without the brackets of an IPv6 address."""
        return self.address.rpartition(":")[0].strip("[]")


def ray_request_of(flags: HostFlags) -> RayRequest | None:
    """Returns what `--hosts=ray` asks for, or None where it is not given.

    Raises:
        UserError: a flag is wrong.
    """
    if flags.mode != RAY:
        return None
    for name in ("address", "number"):
        if getattr(flags, name):
            raise UserError(f"--hosts=ray places the hosts itself; leave out --hosts.{name}")
    count = _whole("count", flags.count, smallest=1) if flags.count else None
    return RayRequest(count, _timeout_of(flags))


def place_of(flags: HostFlags) -> Place | None:
    """Returns the place that the flags name, or None for a run on one host.

    Raises:
        UserError: a flag is missing or wrong, or no cluster tells the place.
    """
    explicit = {name: getattr(flags, name) for name in ("address", "count", "number")}
    given = [name for name, value in explicit.items() if value]
    if flags.mode not in ("", AUTO):
        raise UserError(f"unknown --hosts={flags.mode}; {_USAGE}")
    if flags.mode and given:
        raise UserError(f"--hosts=auto asks the cluster; leave out --hosts.{given[0]}")
    if not flags.mode and not given:
        if flags.timeout:
            raise UserError(f"--hosts.timeout is for a run on several hosts; {_USAGE}")
        return None
    timeout = _timeout_of(flags)
    if flags.mode:
        return _told_by_cluster(timeout)
    for name, value in explicit.items():
        if not value:
            raise UserError(f"--hosts.{name} is missing; {_USAGE}")
    return _checked(
        Place(
            flags.address,
            _whole("count", flags.count, smallest=1),
            _whole("number", flags.number, smallest=0),
            timeout,
        )
    )


def _timeout_of(flags: HostFlags) -> int:
    return _whole("timeout", flags.timeout or str(DEFAULT_TIMEOUT), smallest=1)


def _whole(name: str, text: str, smallest: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < smallest:
        raise UserError(f"--hosts.{name} must be a whole number from {smallest} on, got {text!r}")
    return int(text)


def _checked(place: Place) -> Place:
    host, colon, port = place.address.rpartition(":")
    if not (host and colon and re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536):
        raise UserError(
            f"--hosts.address must be HOST:PORT, such as node1:12345, got {place.address!r}"
        )
    if place.number >= place.count:
        raise UserError(
            f"--hosts.number must be at most {place.count - 1} with --hosts.count={place.count}, "
            f"got {place.number}: hosts are numbered from 0"
        )
    return place


def _told_by_cluster(timeout: int) -> Place:
    # JAX has no public name for what it asks when `jax.distributed.initialize` gets no arguments.
    from jax._src.clusters import ClusterEnv

    try:
        found = ClusterEnv.auto_detect_unset_distributed_params(
            os.environ.get("JAX_COORDINATOR_ADDRESS"), None, None, None, None, timeout
        )
    # A variable that holds no number, a metadata server that does not answer.
    except Exception as error:
        raise UserError(
            f"--hosts=auto: the cluster does not tell the place of this process "
            f"({type(error).__name__}: {error}); {_USAGE}"
        ) from error
    address, count, number, devices = found
    if address is None or count is None or number is None:
        raise UserError(f"--hosts=auto: no cluster is known here; {_USAGE}")
    ids = os.environ.get("JAX_LOCAL_DEVICE_IDS")
    if ids:
        devices = [int(number) for number in ids.split(",")]
    return _checked(Place(address, count, number, timeout, tuple(devices) if devices else None))
