"""One run on several hosts: they meet, agree, and end together."""

from rcjax.runtime.hosts.folder import claimed_by_first
from rcjax.runtime.hosts.group import Hosts, HostsEnded, current_hosts
from rcjax.runtime.hosts.joining import join, refusals_told, run_on_hosts
from rcjax.runtime.hosts.on_ray import run_on_ray
from rcjax.runtime.hosts.place import HostFlags, Place, place_of, ray_request_of
from rcjax.runtime.hosts.stopping import agreed_stop

__all__ = [
    "HostFlags", "Hosts", "HostsEnded", "Place", "agreed_stop", "claimed_by_first",
    "current_hosts", "join", "place_of", "ray_request_of", "refusals_told", "run_on_hosts",
    "run_on_ray",
]  # fmt: skip
