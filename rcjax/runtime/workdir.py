"""The folder of a run: made once, locked while in use, never shared by two configs."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rcjax.config import Field, flatten, with_defaults
from rcjax.errors import DamagedError, UserError
from rcjax.runtime.claim import claimed_folder
from rcjax.runtime.files import read_json, write_json
from rcjax.runtime.storage import local_folder, storage_errors

STATUSES = ("completed", "diverged")  # of an experiment that is over
_OUTPUTS = ("record.json", "metrics.jsonl", "checkpoints", "figures", "tensorboard")
_DATA = "data.sha256"  # the note of the data
# Where and how a run is made, not what comes out: it may go on with other values.
_WITHOUT_EFFECT = frozenset(
    {
        "checkpoint_every",
        "data_dir",
        "keep_checkpoints",
        "tracker",
        "regions.batch_size",
        "streaming.checkpoint_steps",
        "streaming.processes",
    }
)


def _nothing(*_: Any) -> str:
    return ""


@dataclasses.dataclass(frozen=True)
class RecordRules:
    """The checks of the records of one kind of experiment.

    Args:
        fault_of: says in words what is wrong with a record; "" where it is sound.
        summarize: makes the closing lines of a record; a record that it cannot read is damaged.
        fields: the fields of the experiment's config; a field added since a folder was made counts
            there as its default.
    """

    fault_of: Callable[[Mapping[str, Any]], str] = _nothing
    summarize: Callable[[dict[str, Any], Path], str] = _nothing
    fields: Mapping[str, Field] = dataclasses.field(default_factory=dict)


class Workdir:
    """Paths of a run's files, and the rules by which they are claimed.

    Args:
        path: the folder; need not exist.
        config: the run's config as plain nested dicts.
        rules: how a record in the folder is checked.
        fingerprint: gives the hash of the data that the run reads; "" where there is none.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        config: dict[str, Any],
        rules: RecordRules = RecordRules(),
        fingerprint: Callable[[], str] = _nothing,
    ):
        self._rules = rules
        self._fingerprint = fingerprint
        self._hash = ""
        self.path = local_folder(path)
        self.config = config
        self.record = self.path / "record.json"
        self.metrics = self.path / "metrics.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.figures = self.path / "figures"
        self.tensorboard = self.path / "tensorboard"
        self._config_file = self.path / "config.json"

    @property
    def data(self) -> dict[str, Any]:
        """The note of the run's data in its files: {"data": {"sha256": ...}}, or nothing."""
        # A data set that the run itself downloads has a hash from then on.
        if not self._hash:
            self._hash = self._fingerprint()
        return {"data": {"sha256": self._hash}} if self._hash else {}

    def finished_record(self) -> dict[str, Any] | None:
        """Returns the record of a run that is over, or None. Creates nothing.

        Raises:
            UserError: the folder belongs to a run with another config or on other data, or to no
                run at all; it or one of its files cannot be read.
            DamagedError: one of its files is damaged.
        """
        with storage_errors(self.path, "read"):
            if _exists(self.path) and not self.path.is_dir():
                raise UserError(f"workdir {self.path} is a file; give a folder")
            if _exists(self._config_file):
                remedy = "restore it, or choose another workdir"
                self._check_same_config(read_json(self._config_file, remedy=remedy))
            else:
                self._check_holds_nothing_of_a_run()
            return self._read_record() if _exists(self.record) else None

    def _read_record(self) -> dict[str, Any]:
        remedy = "remove it, or choose another workdir"
        record = read_json(self.record, remedy=remedy)
        if fault := self._fault_of(record):
            raise DamagedError(f"{self.record} is damaged ({fault}); {remedy}")
        return record

    def _fault_of(self, record: dict[str, Any]) -> str:
        """Says what is wrong with a record; empty where nothing is."""
        if record.get("status") not in STATUSES:
            return f"its status is none of {', '.join(STATUSES)}"
        if fault := self._rules.fault_of(record):
            return fault
        try:
            self._rules.summarize(record, self.path)
            noted = {name: record[name] for name in ("data",) if name in record}
            differences = self._differences(record["config"] | noted)
        # What a record of another making lacks, or holds in another type.
        except (KeyError, TypeError, ValueError, AttributeError):
            return "it is no record of a run"
        if differences:
            fields = ", ".join(
                f"{name}: {theirs} there, {ours} here"
                for name, (theirs, ours) in differences.items()
            )
            return f"it is the record of another run, {fields}"
        return ""

    def _check_same_config(self, theirs: dict[str, Any]) -> None:
        differences = [
            f"{name}: {before} -> {now}"
            for name, (before, now) in self._differences(theirs).items()
        ]
        if differences:
            raise UserError(
                f"workdir {self.path} was made with another config ({'; '.join(differences)}); "
                "choose another workdir, or the old values"
            )

    def _differences(self, theirs: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
        # The data are not read for folders that note nothing of them.
        ours = self.config | (self.data if "data" in theirs else {})
        return config_differences(theirs, ours, self._rules.fields)

    def _check_holds_nothing_of_a_run(self) -> None:
        found = [name for name in _OUTPUTS if _holds_files(self.path / name)]
        if found:
            raise UserError(
                f"workdir {self.path} holds {', '.join(found)} but no config.json, so it is not "
                "known which run made them; choose another workdir"
            )

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Makes the folder and locks it for this process.

        Raises:
            InUseError: another process works in the folder.
            UserError: the folder cannot be written, now or while the context is open. Where no
                file was written, no folder is left either.
        """
        _ = self.data  # noted of the data as they are now, and not when the folder is made
        with storage_errors(self.path), claimed_folder(self.path):
            yield

    def claim_for_good(self) -> None:
        """Makes the folder this config's for good: from now on, any other is refused."""
        if not _exists(self._config_file):
            write_json(self._config_file, self.config | self.data)


def config_differences(
    theirs: dict[str, Any], ours: dict[str, Any], fields: Mapping[str, Field]
) -> dict[str, tuple[Any, Any]]:
    """Returns the fields in which two configs ask for different results.

    Args:
        theirs, ours: nested; fields that say only where and how the run is made are not compared.
            Where both hold the note of their data, the note decides and not the data set's name.
        fields: the fields that such a config has; those that `theirs` lacks count as their default.

    Returns:
        {field with dots: (their value, our value)}, "(absent)" for a field that one of them lacks.

    Example:
        >>> from ml_collections import ConfigDict
        >>> from rcjax.config import RUN_FIELDS, complete
        >>> config = complete(ConfigDict()).to_dict()
        >>> config_differences(config | {"epochs": 2, "data_dir": "there"}, config, RUN_FIELDS)
        {'epochs': (2, 200)}
    """
    # Through JSON and back, so that both sides have JSON's types.
    ours = flatten(json.loads(json.dumps(ours)))
    # Fields added since the folder was made count as their default.
    theirs = flatten(json.loads(json.dumps(with_defaults(theirs, fields))))
    missing = "(absent)"
    _compare_by_content(theirs, ours)
    pairs = {
        name: (theirs.get(name, missing), ours.get(name, missing))
        for name in sorted({*ours, *theirs} - _WITHOUT_EFFECT)
    }
    return {name: (before, now) for name, (before, now) in pairs.items() if before != now}


def _compare_by_content(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Makes the field `dataset` of both differ where their data do, and only there."""
    hashes = [str(side.pop(_DATA, "")) for side in (theirs, ours)]
    if not all(hashes):
        return
    if hashes[0] == hashes[1]:
        theirs["dataset"] = ours["dataset"]
        return
    for side, found in zip((theirs, ours), hashes, strict=True):
        side["dataset"] = f"{side['dataset']} with content of sha256 {found[:12]}"


def _exists(path: Path) -> bool:
    """Whether there is such a file; unlike `Path.exists`, raises when that cannot be known."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _holds_files(path: Path) -> bool:
    if not _exists(path):
        return False
    return path.is_file() or any(inner.is_file() for inner in path.rglob("*"))
