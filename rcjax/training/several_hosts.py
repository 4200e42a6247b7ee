"""What a run on several hosts asks for beyond a run on one."""

import jax

from rcjax.config import RunConfig
from rcjax.data import AnyDataset, content_hash
from rcjax.errors import UserError
from rcjax.runtime import Hosts
from rcjax.training.classical import is_classical


def check_hosts(config: RunConfig, hosts: Hosts) -> None:
    """Checks what can be known without the data set. Asks no other host.

    Raises:
        UserError: several hosts cannot make this run.
    """
    if hosts.count == 1:
        return
    if is_classical(config):
        raise UserError(
            f"network = {config.network} is fitted by one process; leave out --hosts, or choose a "
            "network that is trained"
        )
    devices = jax.device_count()
    if config.batch_size % devices and config.epochs > 0:
        smaller = config.batch_size // devices * devices
        nearest = [size for size in (smaller, smaller + devices) if size]
        raise UserError(
            f"config field batch_size must divide by the {devices} devices of {hosts.count} hosts, "
            f"got {config.batch_size}; take {' or '.join(map(str, nearest))}, or another number of "
            "hosts"
        )


def check_same_data(dataset: AnyDataset, hosts: Hosts) -> None:
    """Checks that all hosts have the same data set, and devices of the same kind.

    Raises:
        UserError: they do not; on all hosts the same.
    """
    if hosts.count == 1:
        return
    found = hosts.gather([content_hash(dataset), jax.local_devices()[0].device_kind])
    for number, (content, kind) in enumerate(found):
        where = f"host {number} ({hosts.names[number]})"
        if content != found[0][0]:
            raise UserError(
                f"data set {dataset.name} of {where} differs from that of host 0 "
                f"({hosts.names[0]}): sha256 {content[:12]} and {found[0][0][:12]}; give all hosts "
                "the same files"
            )
        if kind != found[0][1]:
            raise UserError(
                f"{where} has devices of kind {kind!r}, host 0 ({hosts.names[0]}) of "
                f"{found[0][1]!r}; the copies of the network would drift apart: take hosts of one "
                "kind"
            )
