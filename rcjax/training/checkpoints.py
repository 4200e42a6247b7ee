"""Checkpoints of a run, each verified when it is read back.

Orbax writes them: a checkpoint appears under its name only once it is complete, so a process killed
while it writes leaves the one before. It does not notice bytes that changed on the disk, so every
checkpoint carries checksums of its arrays and of its notes.
"""

import contextlib
import copy
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import absl.logging
import jax
import numpy as np
import orbax.checkpoint as ocp

from rcjax.errors import UserError
from rcjax.outside import one_line
from rcjax.runtime import check_readable, set_aside
from rcjax.training.state import TrainState

# What a checkpoint holds beside its arrays, generously.
_BYTES_OF_NOTES = 2**20


class _DiffersError(Exception):
    """The content that was read differs from the content that was saved."""


class Restored(NamedTuple):
    """A checkpoint read back."""

    state: TrainState
    progress: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run, named by numbers that grow as it goes on.

    The number is that of epochs completed; of steps, where an epoch has checkpoints within it.

    Args:
        folder: where they lie; made when the first one is saved.
        keep: how many of the newest to keep.
    """

    def __init__(self, folder: Path, keep: int):
        self._folder = folder.absolute()
        self._keep = keep
        self._manager = self._open()

    def _open(self) -> ocp.CheckpointManager:
        options = ocp.CheckpointManagerOptions(
            max_to_keep=self._keep,
            # A full disk must be reported by the save that met it, not by the next one.
            enable_async_checkpointing=False,
        )
        with _quiet():
            return ocp.CheckpointManager(self._folder, options=options)

    def _numbers(self) -> list[int]:
        with _quiet():
            return sorted(self._manager.all_steps())

    def save(self, state: TrainState, progress: dict[str, Any], number: int | None = None) -> None:
        """Saves the state, and beside it everything else that is needed to continue.

        Args:
            state: arrays.
            progress: what JSON can hold.
            number: names the checkpoint; None takes `state["epoch"]`.

        Raises:
            OSError: the disk has no room for it; nothing was written.
        """
        number = int(state["epoch"]) if number is None else number
        notes = {
            "progress": copy.deepcopy(progress),
            "progress_checksum": _checksum_of_progress(progress),
            "checksum": checksum(state),
            "network": checksum(_network(state)),
        }
        arguments = ocp.args.Composite(
            state=ocp.args.StandardSave(state), notes=ocp.args.JsonSave(notes)
        )
        if number in self._numbers():
            return
        _check_room(self._folder, state)
        with _quiet():
            saved = self._manager.save(number, args=arguments)
        # False means that a newer checkpoint is there: the loop above went wrong.
        if not saved:
            raise RuntimeError(f"checkpoint {number} was not saved in {self._folder}")

    def restore_newest(self, like: TrainState) -> tuple[Restored | None, list[str]]:
        """Reads the newest checkpoint that is whole, and removes the damaged ones after it.

        Args:
            like: a state of the same shapes, dtypes and devices; its values do not matter.

        Returns:
            The checkpoint, or None when there is none to continue from; and one message for each
            damaged checkpoint. When every checkpoint is damaged nothing is removed: their folder is
            set aside under another name, which the message tells.

        Raises:
            UserError: the file system does not let it be read, which says nothing about damage.
        """
        target = jax.tree.map(_abstract, like)
        damaged: list[int] = []
        messages: list[str] = []
        for number in reversed(self._numbers()):
            try:
                with _quiet():
                    restored = self._read(number, target)
            # Orbax lets any kind of exception through: JSON, key, value and storage errors.
            except Exception as error:
                check_readable(error, self._folder)
                damaged.append(number)
                messages.append(f"checkpoint {number} is damaged ({_reason(error)})")
                continue
            with _quiet():
                for bad in damaged:
                    self._manager.delete(bad)
            if damaged:
                messages[-1] += f"; going back to checkpoint {number}"
            return restored, messages
        if damaged:
            messages.append(f"no checkpoint is whole; they are now in {self._set_aside()}")
        return None, messages

    def _read(self, number: int, target: TrainState) -> Restored:
        read = self._manager.restore(
            number,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(target), notes=ocp.args.JsonRestore()
            ),
        )
        state, notes = read["state"], read["notes"]
        if checksum(state) != notes["checksum"]:
            raise _DiffersError("its arrays differ from those that were saved")
        found = _checksum_of_progress(notes["progress"])
        # Absent in checkpoints of earlier versions.
        if notes.get("progress_checksum", found) != found:
            raise _DiffersError("its notes differ from those that were saved")
        return Restored(state, notes["progress"])

    def _set_aside(self) -> Path:
        self._manager.close()
        aside = set_aside(self._folder)
        self._manager = self._open()
        return aside

    def close(self) -> None:
        """Waits for what is being written and lets go of the folder."""
        self._manager.close()


def newest_network(folder: Path) -> tuple[dict[str, np.ndarray], str]:
    """Reads parameters and model state of the newest whole checkpoint of any run. Changes nothing.

    Args:
        folder: of the run, or the folder `checkpoints` in it, or a single checkpoint, a folder with
            a number for a name in that.

    Returns:
        Arrays by their names, such as "parameters.linear.weight", and the checksum over them.

    Raises:
        UserError: the folder holds no checkpoint of rcjax, or none that is whole.
    """
    folder = folder.absolute()
    inner = folder / "checkpoints"
    folder = inner if inner.is_dir() else folder
    found = [path for path in folder.iterdir() if path.name.isdigit() and path.is_dir()]
    if folder.name.isdigit() and (folder / "state").is_dir():
        found = [folder]
    if not found:
        raise UserError(f"{folder} holds no checkpoint of rcjax; give the folder of a run")
    messages = []
    for checkpoint in sorted(found, key=lambda path: int(path.name), reverse=True):
        try:
            with _quiet():
                return _read_network(checkpoint)
        # Orbax lets any kind of exception through: JSON, key, value and storage errors.
        except Exception as error:
            check_readable(error, folder)
            messages.append(f"checkpoint {checkpoint.name}: {_reason(error)}")
    raise UserError(f"{folder} holds no checkpoint that can be read ({'; '.join(messages)})")


def _read_network(checkpoint: Path) -> tuple[dict[str, np.ndarray], str]:
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
        # As NumPy arrays: the devices that the run had need not be here.
        tree = reader.metadata(checkpoint / "state").item_metadata.tree
        wanted = {name: tree[name] for name in ("parameters", "model_state")}
        kinds = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), wanted)
        arrays = reader.restore(
            checkpoint / "state",
            args=ocp.args.PyTreeRestore(item=wanted, restore_args=kinds, partial_restore=True),
        )
    with ocp.Checkpointer(ocp.JsonCheckpointHandler()) as reader:
        notes = reader.restore(checkpoint / "notes", args=ocp.args.JsonRestore())
    found = checksum(_network(arrays))
    if found != notes["network"]:
        raise _DiffersError("its arrays differ from those that were saved")
    return _network(arrays), found


def _network(state: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the network's part of a state, in a structure that orbax gives back."""
    return arrays_by_name({name: state[name] for name in ("parameters", "model_state")})


def arrays_by_name(tree: Any) -> dict[str, Any]:
    """Returns the arrays of nested dicts (or tuples with names) by their dotted names."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _check_room(folder: Path, state: TrainState) -> None:
    """Raises ENOSPC before orbax does, whose threads would cover the one line with many."""
    needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + _BYTES_OF_NOTES
    disk = shutil.disk_usage(folder)
    if disk.total > 0 and disk.free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps orbax from printing the tracebacks of exceptions that it raises as well."""
    verbosity = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.FATAL)
    try:
        yield
    finally:
        absl.logging.set_verbosity(verbosity)


def _checksum_of_progress(progress: Mapping[str, Any]) -> str:
    """SHA-256 over the notes as JSON, which reads back as it was written."""
    return hashlib.sha256(json.dumps(progress, sort_keys=True).encode()).hexdigest()


def checksum(tree: Any) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of all arrays of a pytree."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _abstract(leaf: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)


def _reason(error: BaseException) -> str:
    """Says why a checkpoint cannot be read, in place of the words of the libraries."""
    if isinstance(error, _DiffersError):
        return str(error)
    # What the file system or tensorstore said, and not what orbax made of it.
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return f"its files are cut short, changed or missing; {one_line(error)}"
