"""The devices of a run: one copy of everything on each of them, batches divided among them."""

import os
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
    """Returns the devices of this process in words, such as "1 x cpu"."""
    devices = jax.local_devices()
    return f"{len(devices)} x {devices[0].device_kind}"


def local_mesh() -> Mesh:
    """Returns a mesh of one axis over all devices of this process."""
    return Mesh(np.array(jax.local_devices()), (_AXIS,))


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the placement of an array that has a whole copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def replicate(mesh: Mesh, tree: Any) -> Any:
    """Puts a whole copy of every array on every device."""
    return jax.device_put(tree, replicated(mesh))


def place_batch(mesh: Mesh, batch: Any) -> Any:
    """Brings host arrays to the devices.

    Args:
        mesh: the devices.
        batch: arrays `[examples, ...]`. If the examples divide evenly, each device gets a part;
            otherwise each gets all, and a compiled function divides them.
    """
    even = all(len(array) % mesh.size == 0 for array in batch)
    return jax.device_put(
        batch, NamedSharding(mesh, PartitionSpec(_AXIS) if even else PartitionSpec())
    )


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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, NumPy or a device had no memory left."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, jax.errors.JaxRuntimeError) and (
        "resource_exhausted" in text or "out of memory" in text
    )
