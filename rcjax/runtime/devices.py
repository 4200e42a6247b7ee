"""The devices of a run: one copy of everything on each of them, batches divided among them."""

import os
import resource
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from rcjax.errors import UserError

_AXIS = "batch"


def require_devices() -> None:
    """Raises a UserError when JAX finds no device of the platform it was told to use."""
    try:
        jax.local_devices()
    # JAX fails a bare assertion when the plugin of the platform is not installed.
    except (RuntimeError, AssertionError) as error:
        asked = os.environ.get("JAX_PLATFORMS", "")
        reason = f" ({str(error).splitlines()[0]})" if str(error) else ""
        raise UserError(
            f"no such device: JAX_PLATFORMS asks for {asked!r}, which JAX does not find{reason}; "
            "unset JAX_PLATFORMS to take what there is, or install rcjax with the device's extra"
        ) from error


def describe_devices() -> str:
    """Returns the devices of a run in words, such as "1 x cpu" or "8 x cpu of 2 hosts"."""
    hosts = f" of {jax.process_count()} hosts" if jax.process_count() > 1 else ""
    return f"{jax.device_count()} x {jax.local_devices()[0].device_kind}{hosts}"


def local_mesh() -> Mesh:
    """Returns a mesh of one axis over all devices of this process."""
    return Mesh(np.array(jax.local_devices()), (_AXIS,))


def whole_mesh() -> Mesh:
    """Returns a mesh of one axis over all devices of all processes of the run, process by process.

    In a run on one host it equals `local_mesh()`.
    """
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    if jax.process_count() == 1:
        devices = jax.local_devices()
    return Mesh(np.array(devices), (_AXIS,))


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the placement of an array that has a whole copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def replicate(mesh: Mesh, tree: Any) -> Any:
    """Puts a whole copy of every array on every device.

    On a mesh of several processes each of them brings its own copies, which must be equal.
    """
    if not mesh.is_multi_process:
        return jax.device_put(tree, replicated(mesh))
    own = jax.device_put(local_copies(tree), replicated(local_mesh()))
    return _seen_on(mesh, own)


def local_copies(tree: Any) -> Any:
    """Returns arrays of which every device has a whole copy as arrays of this process's devices.

    What is computed with them involves no other process. Nothing is copied.
    """
    if jax.process_count() == 1:
        return tree
    mesh = local_mesh()

    def see(leaf: Any) -> Any:
        whole = isinstance(leaf, jax.Array) and not leaf.is_fully_addressable
        return _seen_on(mesh, leaf) if whole else leaf

    return jax.tree.map(see, tree)


def _seen_on(mesh: Mesh, tree: Any) -> Any:
    """Returns the copies on this process's devices as arrays on a mesh that they are part of."""

    def see(array: jax.Array) -> jax.Array:
        copies = [shard.data for shard in array.addressable_shards]
        return jax.make_array_from_single_device_arrays(array.shape, replicated(mesh), copies)

    return jax.tree.map(see, tree)


def rows_of_host(mesh: Mesh, examples: int) -> range:
    """Returns the rows of a batch that this process's devices get.

    Args:
        mesh: the devices of all processes, process by process.
        examples: in the batch. It is filled up to a multiple of the devices, so that the last
            processes may have fewer rows than the others, or none.
    """
    of_device = -(-examples // mesh.size)
    own = set(mesh.local_devices)
    places = [place for place, device in enumerate(mesh.devices.flat) if device in own]
    start, stop = places[0] * of_device, (places[-1] + 1) * of_device
    return range(min(start, examples), min(stop, examples))


def place_rows(mesh: Mesh, rows: Any, examples: int) -> Any:
    """Brings the rows of each process to the devices, as one batch that is filled up with zeros.

    Args:
        mesh: the devices of all processes.
        rows: host arrays `[rows, ...]`, those of `rows_of_host`.
        examples: in the batch.

    Returns:
        Arrays `[n, ...]`, n the next multiple of the devices from `examples` on.
    """
    of_device = -(-examples // mesh.size)
    divided = NamedSharding(mesh, PartitionSpec(_AXIS))
    count = of_device * len(mesh.local_devices)

    def place(array: np.ndarray) -> jax.Array:
        filled = np.zeros((count, *array.shape[1:]), array.dtype)
        filled[: len(array)] = array
        whole = (of_device * mesh.size, *array.shape[1:])
        return jax.make_array_from_process_local_data(divided, filled, whole)

    return jax.tree.map(place, rows)


def divide_batch(mesh: Mesh, batch: Any) -> Any:
    """Divides a batch among the devices, inside a compiled function.

    Args:
        mesh: the devices.
        batch: arrays `[examples, ...]`, and scalars, which stay as they are. The number of
            examples need be no multiple of the devices: the compiler pads and masks, so the results
            are the same as on one device.
    """
    if mesh.size == 1:
        return batch
    divided, whole = NamedSharding(mesh, PartitionSpec(_AXIS)), replicated(mesh)
    placements = jax.tree.map(lambda array: divided if array.ndim else whole, batch)
    return jax.lax.with_sharding_constraint(batch, placements)


def available_memory() -> int | None:
    """Bytes that this process may still take of the main memory, where it computes there.

    None on accelerators, which say themselves when theirs is full, and where the system tells
    nothing.
    """
    if jax.default_backend() != "cpu":
        return None
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(found[0]) if found else None


def peak_memory() -> int | None:
    """Most bytes that were in use until now: of a device, or of this process where it computes on
    a CPU; None where the system does not say.
    """
    if jax.default_backend() != "cpu":
        found = jax.local_devices()[0].memory_stats() or {}
        return found.get("peak_bytes_in_use")
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else 1024 * used


def room_in_memory() -> int | None:
    """Bytes of a device, or of the main memory that is available; None where nobody says."""
    if jax.default_backend() == "cpu":
        return available_memory()
    return (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, NumPy or a device had no memory left."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, jax.errors.JaxRuntimeError) and (
        "resource_exhausted" in text or "out of memory" in text
    )
