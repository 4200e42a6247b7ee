"""The runs of a mass study as lines of records, and the groups in which they are made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rcjax.config import RUN_FIELDS
from rcjax.data import fingerprint
from rcjax.errors import UserError
from rcjax.runtime import config_differences, is_finite_number, read_json, set_aside, write_json
from rcjax.study.grid import PlannedRun
from rcjax.study.group_jobs import GroupJob, Member, group_job
from rcjax.study.lines import SECONDS_FOLDER, RunLine, read_shard, shards, write_shard
from rcjax.study.predicted_labels import PredictedLabels
from rcjax.study.predicted_labels import fault_of as fault_of_labels
from rcjax.study.requested import SEED_DISAGREEMENT, Requested
from rcjax.study.run_status import COMPLETED, DAMAGED, MISSING, Measured, RunStatus
from rcjax.training import (
    RUN_RECORDS,
    RunResult,
    Seconds,
    group_key,
    read_seconds,
    result_of,
)

_STATUSES = ("completed", "diverged")


class LineStorage:
    """Keeps the runs of a study as lines of a few files.

    Args:
        workdir: folder of the study.
        together: runs of a group, at most.
    """

    def __init__(self, workdir: Path, together: int):
        self._workdir, self._together = workdir, together
        self._config_file = workdir / "study.json"

    def holds_runs(self) -> bool:
        """Whether any run is there."""
        return bool(shards(self._workdir))

    def check(self, runs: Sequence[PlannedRun]) -> None:
        """Checks that the folder is none of another study's.

        Raises:
            UserError: it holds runs in folders, or lines made with another config.
        """
        if (self._workdir / "runs").is_dir():
            raise UserError(
                f"workdir {self._workdir} holds runs in folders, and records = lines keeps them as "
                "lines; choose another workdir, or leave records out"
            )
        if not self._config_file.exists():
            return
        theirs = read_json(self._config_file, remedy="restore it, or choose another workdir")
        ours = runs[0].config.to_dict() | (self._data(runs[0]) if "data" in theirs else {})
        axes = {*theirs.pop("axes", ()), *runs[0].axes}
        differences = config_differences(theirs, ours, RUN_FIELDS)
        described = "; ".join(
            f"{field}: {a} -> {b}" for field, (a, b) in differences.items() if field not in axes
        )
        if described:
            raise UserError(
                f"workdir {self._workdir} holds records of another study ({described}); choose "
                "another workdir, or make what differs an axis of the grid"
            )

    def begin(self, runs: Sequence[PlannedRun]) -> None:
        """Notes the config that all runs share, so that any other is refused from now on."""
        if not self._config_file.exists():
            config = runs[0].config.to_dict() | self._data(runs[0])
            write_json(self._config_file, config | {"axes": list(runs[0].axes)})

    @staticmethod
    def _data(run: PlannedRun) -> dict[str, Any]:
        found = fingerprint(run.config.dataset, run.config.data_dir)
        return {"data": {"sha256": found}} if found else {}

    def foreign(self, runs: Sequence[PlannedRun]) -> list[str]:
        """Names of the runs that are there and not of the grid."""
        ours = {run.name for run in runs}
        return [line.run for line in self._lines() if line.run and line.run not in ours]

    def _lines(self) -> list[RunLine]:
        return [line for path in shards(self._workdir) for line in read_shard(path)]

    def read(self, runs: Sequence[PlannedRun]) -> list[RunStatus]:
        """Reads the line of every run. Changes nothing.

        Raises:
            UserError: a file cannot be read.
        """
        lines: dict[str, list[RunLine]] = {}
        for line in self._lines():
            lines.setdefault(line.run, []).append(line)
        return [_newest(run, lines.get(run.name, ())) for run in runs]

    def seconds(self, runs: Sequence[PlannedRun]) -> dict[str, Seconds]:
        """Returns the seconds that runs took, by name: to each its share of those of its group."""
        ours = {run.name for run in runs}
        found: dict[str, Seconds] = {}
        for shard in shards(self._workdir):
            seconds = read_seconds(self._workdir / SECONDS_FOLDER / f"{shard.stem}.json")
            if seconds is not None:
                made = [line.run for line in read_shard(shard)]
                found |= {name: seconds * (1 / len(made)) for name in made if name in ours}
        return found

    def set_damaged_aside(self, found: Sequence[RunStatus]) -> list[str]:
        """Renames the files that hold damaged lines; their sound lines go on in a file of theirs.

        Returns:
            A line for each file, which says where it is now.
        """
        said = []
        damaged = {each.run.name for each in found}
        for path in shards(self._workdir):
            lines = list(read_shard(path))
            sound = [line for line in lines if line.run not in damaged and not line.fault]
            if len(sound) == len(lines):
                continue
            # First, so that no run is lost between the two.
            if sound:
                name = f"{path.stem}-sound"
                write_shard(self._workdir, name, [line.content for line in sound])
            aside = set_aside(path)
            said.append(f"{path} was damaged and is now {aside}; {len(sound)} of its runs are kept")
        return said

    def jobs(self, pending: Sequence[PlannedRun], runs: Sequence[PlannedRun]) -> list[GroupJob]:
        """Returns the groups of the study with what is pending of each.

        Which runs go together depends on the grid and not on which are over, so that a study that
        was killed goes on with the same groups.
        """
        wanted = {run.name for run in pending}
        workdir = str(self._workdir.absolute())
        found = []
        for group in groups(runs, self._together):
            members = [Member(r.name, r.config, r.requested) for r in group if r.name in wanted]
            if members:
                found.append(group_job(members, workdir))
        return found


def groups(runs: Sequence[PlannedRun], most: int) -> list[list[PlannedRun]]:
    """Groups of at most `most` runs that share a program; those of one seed share slices as well.

    Args:
        runs: of the grid.
        most: runs of a group.
    """
    by_key: dict[str, list[PlannedRun]] = {}
    for run in runs:
        by_key.setdefault(group_key(run.config), []).append(run)
    found = []
    for alike in by_key.values():
        alike.sort(key=lambda run: run.config.seed)  # stable: the order of the grid within a seed
        parts = -(-len(alike) // most)
        size = -(-len(alike) // parts)
        found += [alike[start : start + size] for start in range(0, len(alike), size)]
    return found


def _newest(run: PlannedRun, lines: Sequence[RunLine]) -> RunStatus:
    """Of several lines of a run the one that lacks least; a sound one before a damaged one."""
    found = [_status(run, line) for line in lines]
    if not found:
        return RunStatus(run, MISSING)
    return min(found, key=lambda each: (each.status == DAMAGED, each.pending))


def _status(run: PlannedRun, line: RunLine) -> RunStatus:
    if fault := line.fault or _fault_of(run, line.content):
        return RunStatus(run, DAMAGED, message=f"{line.place} is damaged ({fault})")
    content = line.content
    record = {name: value for name, value in content.items() if name != "epochs"}
    result: RunResult = result_of({**record, "epochs": [{}] * content["epochs"]})
    if result.status != COMPLETED:
        return RunStatus(run, result.status, result)
    return RunStatus(run, COMPLETED, result, _measured(run.requested, content))


def _fault_of(run: PlannedRun, content: Mapping[str, Any]) -> str:
    if content.get("status") not in _STATUSES:
        return f"its status is none of {', '.join(_STATUSES)}"
    epochs = content.get("epochs")
    if type(epochs) is not int or not 0 <= epochs <= run.config.epochs:
        return f"epochs is {epochs}, not a whole number up to {run.config.epochs}"
    record = {name: value for name, value in content.items() if name != "epochs"}
    if fault := RUN_RECORDS.fault_of({**record, "config": run.config.to_dict()}):
        return fault
    for section in ("measures", "variants"):
        if not isinstance(content.get(section, {}), dict):
            return f"{section} is no section"
    for name, value in content.get("measures", {}).items():
        if not (value is None or is_finite_number(value)):
            return f"{name} is no number"
    for name, count in content.get("variants", {}).items():
        if not isinstance(count, dict) or not is_finite_number(count.get("mean")):
            return f"the mean of {name} is no number"
    return fault_of_labels(content["labels"]) if content.get("labels") else ""


def _measured(requested: Requested, content: Mapping[str, Any]) -> Measured:
    measures, variants = content.get("measures", {}), content.get("variants", {})
    labels = content.get("labels")
    wants_labels = SEED_DISAGREEMENT in requested.measures
    return Measured(
        measures={name: measures[name] for name in requested.measures if name in measures},
        variants={name: variants[name]["mean"] for name in requested.variants if name in variants},
        labels=PredictedLabels.read(labels) if labels and wants_labels else None,
        complete=measures.keys() >= set(requested.computed)
        and variants.keys() >= requested.variants.keys()
        and not (wants_labels and not labels),
    )
