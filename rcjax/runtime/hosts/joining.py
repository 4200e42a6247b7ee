"""A command on several hosts: from the flags to JAX's processes, and to the end of all of them."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from rcjax.errors import UserError
from rcjax.runtime.hosts.aborts import LogOfJax, on_abort, silent_output
from rcjax.runtime.hosts.endings import (
    USER_ERROR,
    end_process,
    leave_after_abort,
    leave_after_another,
    leave_after_error,
    leave_after_exception,
    watch,
)
from rcjax.runtime.hosts.group import Hosts, HostsEnded, current_hosts
from rcjax.runtime.hosts.meeting import meet
from rcjax.runtime.hosts.place import Place
from rcjax.terminal import say_error

_HEARTBEAT = 20  # seconds after which a host that is silent is lost


def join(place: Place, facts: dict[str, Any], refusal: str = "") -> None:
    """Makes this process one of a run on several hosts. Call it before JAX computes anything.

    Args:
        place: of the process.
        facts: what must be the same on every host, {name: value} as JSON holds it.
        refusal: why this process cannot take part, for the others to know.

    Raises:
        UserError: the hosts do not come, or do not agree.
    """
    meet(place, facts, refusal)
    log = LogOfJax()
    on_abort(lambda: _end_of_start(place))
    # A signal is answered by rcjax, and not by JAX.
    jax.config.update("jax_enable_preemption_service", False)
    _pass_by_proxies(place.host)
    try:
        jax.distributed.initialize(
            place.address,
            place.count,
            place.number,
            local_device_ids=place.devices,
            cluster_detection_method="deactivate",
            initialization_timeout=place.timeout,
            heartbeat_timeout_seconds=_HEARTBEAT,
            shutdown_timeout_seconds=60,
        )
    except (RuntimeError, ValueError) as error:
        raise UserError(_not_started(place, str(error).splitlines()[0])) from error
    hosts = current_hosts()
    on_abort(lambda: leave_after_abort(hosts, log.lost_tasks()))
    _ = hosts.names
    watch(hosts)
    _connect_devices()


def _pass_by_proxies(host: str) -> None:
    """Lets JAX's connections to host 0 pass by a proxy of the web, which would not lead there."""
    jax.config.update("jax_check_proxy_envs", False)  # a warning of just that
    name = "no_grpc_proxy"  # gRPC knows it in small letters alone
    before = os.environ.get(name) or os.environ.get("no_proxy")
    os.environ[name] = ",".join(filter(None, [before, host]))


def _connect_devices() -> None:
    """Opens the ways between the devices of all hosts, of which JAX's library prints a line."""
    devices = np.array(jax.devices())
    mesh = Mesh(devices, ("device",))
    divided, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("device",), ()))
    own = [jax.device_put(np.ones(1, np.float32), device) for device in jax.local_devices()]
    ones = jax.make_array_from_single_device_arrays((len(devices),), divided, own)
    with silent_output():
        jax.block_until_ready(jax.jit(jnp.sum, out_shardings=whole)(ones))


def _not_started(place: Place, reason: str) -> str:
    return (
        f"JAX did not connect the {place.count} hosts at {place.address} ({reason}); run the same "
        "command again on all of them"
    )


def _end_of_start(place: Place) -> None:
    say_error(f"error: {_not_started(place, 'it aborted')}")
    end_process(USER_ERROR)


def run_on_hosts(command: Callable[[], tuple[int, str]]) -> int:
    """Runs a command that may join other hosts, and ends as all of them do.

    Args:
        command: returns its exit code and the line of its error, which it has said.

    Returns:
        The exit code of a command that has joined no hosts. The process of one that has ends here.
    """
    try:
        code, message = command()
        hosts = _joined_hosts()
        if hosts is not None and code != USER_ERROR:
            hosts.meet()
    except HostsEnded:
        leave_after_another(current_hosts())
    except Exception as error:
        hosts = _joined_hosts()
        if hosts is None:
            raise
        leave_after_exception(hosts, error)
    if hosts is None:
        return code
    if code == USER_ERROR:
        leave_after_error(hosts, message)
    # JAX crashes where a thread still asks the store, here or while Python ends.
    hosts.stop_watching()
    with contextlib.suppress(jax.errors.JaxRuntimeError):
        jax.distributed.shutdown()
    end_process(code)


def _joined_hosts() -> Hosts | None:
    if not jax.distributed.is_initialized():
        return None
    hosts = current_hosts()
    return hosts if hosts.count > 1 else None


@contextlib.contextmanager
def refusals_told(place: Place | None) -> Iterator[None]:
    """Lets the other hosts know what is wrong with the command of this one, before they met.

    Args:
        place: of this process; None for a run on one host.
    """
    try:
        yield
    except UserError as error:
        if place is not None and place.count > 1:
            with contextlib.suppress(UserError):
                meet(place, {}, str(error))
        raise
