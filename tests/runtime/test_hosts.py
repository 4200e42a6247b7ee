"""The hosts of a run: flags, meeting, and the moment to stop; no process but this one."""

import contextlib
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import pytest
from jax._src.clusters import cloud_tpu_cluster, cluster

from rcjax.errors import UserError
from rcjax.runtime.hosts import HostFlags, Hosts, Place, agreed_stop, place_of
from rcjax.runtime.hosts.meeting import meet
from rcjax.runtime.interruption import StopRequest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def met(*given, count=2, timeout=5):
    """What each process was told, for (number, facts, refusal) or (number, facts) of each."""
    address = f"localhost:{free_port()}"

    def one(arguments):
        number, facts, *refusal = arguments
        place = Place(address, facts.get("count", count), number, timeout)
        try:
            meet(place, facts, *refusal)
        except UserError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(len(given)) as threads:
        return list(threads.map(one, given))


def test_processes_that_agree_meet():
    assert met((0, {"seed": 1}), (1, {"seed": 1}), (2, {"seed": 1}), count=3) == ["", "", ""]


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ([(1, {"seed": 2})], "disagree (seed: 1 and 2)"),
        ([(1, {"seed": 1, "jax": "0.9"})], "disagree (jax: '(absent)' and '0.9')"),
        ([(1, {"seed": 1}, "no such config")], "no such config"),
        ([(1, {"seed": 1, "count": 3})], "was told of 2 hosts and host 1"),
    ],
)
def test_every_process_is_told_why_they_do_not_agree(others, told):
    answers = met((0, {"seed": 1}), *others)
    assert all(told in answer for answer in answers), answers


def test_a_number_that_two_processes_have_is_named():
    answers = met((0, {}), (1, {}), (1, {}), count=3)
    assert all("two processes say that they are host 1" in answer for answer in answers), answers


def test_a_process_that_comes_after_the_refusal_is_told_too():
    answers = met((0, {}, "no such file"), (1, {}), (2, {}, "no such config"), count=3)
    assert all("host 0" in answer and "no such file" in answer for answer in answers), answers


def test_hosts_that_do_not_come_are_named():
    answers = met((0, {}), (2, {}), count=4, timeout=1)
    assert all("2 of 4 hosts" in answer and "missing: 1, 3" in answer for answer in answers)


def test_an_address_that_does_not_answer_is_named_after_the_time_limit():
    with pytest.raises(UserError, match="host 0 does not answer at localhost:1 within 1 s"):
        meet(Place("localhost:1", 2, 1, timeout=1), {})


def test_a_port_in_use_is_named():
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot listen at port {port} .Address already in"):
            meet(Place(f"localhost:{port}", 2, 0, timeout=1), {})


def test_strangers_at_the_port_are_not_counted():
    address = f"localhost:{free_port()}"
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(meet, Place(address, 2, 0, timeout=20), {})
        stranger = None
        while stranger is None:
            with contextlib.suppress(ConnectionRefusedError):
                stranger = socket.create_connection(Place(address, 2, 0).address.split(":"))
        with stranger:
            stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
        meet(Place(address, 2, 1, timeout=20), {})
        first.result()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"mode": "slurm"}, "unknown --hosts=slurm; write --hosts=auto"),
        ({"mode": "auto"}, "--hosts=auto: no cluster is known here"),
        ({"mode": "auto", "count": "2"}, "leave out --hosts.count"),
        ({"address": "a:1", "count": "2"}, "--hosts.number is missing"),
        ({"address": "a", "count": "2", "number": "0"}, "must be HOST:PORT, such as node1:12345"),
        ({"address": "a:99999", "count": "2", "number": "0"}, "must be HOST:PORT"),
        ({"address": "a:1", "count": "0", "number": "0"}, "--hosts.count must be a whole number"),
        ({"address": "a:1", "count": "2", "number": "2"}, "--hosts.number must be at most 1"),
        ({"address": "a:1", "count": "2", "number": "x"}, "from 0 on, got 'x'"),
        ({"timeout": "5"}, "--hosts.timeout is for a run on several hosts"),
    ],
)
def test_flags_that_name_no_place_are_refused(flags, told):
    with pytest.raises(UserError) as refused:
        place_of(HostFlags(**flags))
    assert told in str(refused.value)


def test_slurm_tells_the_place(monkeypatch):
    for name, value in {
        "JOB_ID": "8200", "STEP_NODELIST": "node[007-010]", "NTASKS": "4", "PROCID": "2",
        "LOCALID": "0", "STEP_NUM_NODES": "4",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"SLURM_{name}", value)
    place = place_of(HostFlags("auto", timeout="7"))
    port = 8200 % 4096 + 61440
    assert place == Place(f"node007:{port}", 4, 2, 7, devices=(0,))


@pytest.mark.parametrize("slices", [1, 2])
def test_a_tpu_pod_tells_the_place(monkeypatch, slices):
    """As on GKE, where variables tell it; elsewhere JAX asks a server of the cloud."""
    for module in (cloud_tpu_cluster, cluster):
        monkeypatch.setattr(module, "running_in_cloud_tpu_vm", True)
    for name, value in {
        "TPU_SKIP_MDS_QUERY": "1", "TPU_WORKER_HOSTNAMES": "localhost,there", "TPU_WORKER_ID": "1",
        "MEGASCALE_COORDINATOR_ADDRESS": "localhost", "MEGASCALE_NUM_SLICES": str(slices),
        "MEGASCALE_SLICE_ID": str(slices - 1),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert place_of(HostFlags("auto")) == Place("localhost:8482", 2 * slices, 2 * slices - 1)


class Store:
    """JAX's store of keys and values, in this process."""

    def __init__(self):
        self.values = {}

    def key_value_set(self, key, value, allow_overwrite=False):
        if key in self.values and not allow_overwrite:
            raise jax.errors.JaxRuntimeError(f"ALREADY_EXISTS: {key}")
        self.values[key] = value

    def key_value_try_get(self, key):
        if key not in self.values:
            raise jax.errors.JaxRuntimeError(f"NOT_FOUND: {key}")
        return self.values[key]

    def blocking_key_value_get(self, key, milliseconds):
        end = time.monotonic() + milliseconds / 1000
        while key not in self.values:
            if time.monotonic() > end:
                raise jax.errors.JaxRuntimeError(f"DEADLINE_EXCEEDED: {key}")
            time.sleep(0.01)
        return self.values[key]

    def key_value_delete(self, key):
        del self.values[key]


def test_hosts_gather_in_order_and_leave_little_behind():
    store = Store()
    hosts = [Hosts(number, 3, store) for number in range(3)]

    def rounds(host):
        return [host.gather_all([(host.number, k)]) for k in range(9)]

    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(rounds, hosts))
    expected = json.dumps([[[i, k] for i in range(3)] for k in range(9)])
    assert [json.dumps(each) for each in found] == [expected] * 3
    assert len(store.values) <= 2 * 3


def test_all_hosts_stop_at_the_same_question():
    store = Store()
    hosts = [Hosts(number, 3, store) for number in range(3)]
    asked = [StopRequest() for _ in hosts]
    requests = [agreed_stop(*pair) for pair in zip(asked, hosts, strict=True)]
    reached = threading.Barrier(4)

    def steps_of(number):
        steps = 0
        while not requests[number].is_set():
            steps += 1
            if steps == 5 * (number + 1):  # each is somewhere else when one of them is asked
                reached.wait()
            time.sleep(0.002)
        return steps

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(steps_of, number) for number in range(3)]
        reached.wait()
        asked[1].set()
        steps = {future.result() for future in running}
    assert len(steps) == 1
    assert steps.pop() >= 15
    assert all(request.is_set() for request in requests)
