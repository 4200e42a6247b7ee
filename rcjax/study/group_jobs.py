"""A group of a mass study: runs trained, counted and measured as one, whose records are lines."""

import contextlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rcjax.config import RunConfig, run_config
from rcjax.runtime import StopRequest, claimed_folder, is_out_of_memory
from rcjax.study.cost_jobs import CostJob
from rcjax.study.jobs import COMPLETED, Job, Outcome
from rcjax.study.lines import SECONDS_FOLDER, line_of, shard_name, write_shard
from rcjax.study.requested import SEED_DISAGREEMENT, Requested
from rcjax.study.tools import Tools
from rcjax.terminal import say
from rcjax.training import Interrupted, TrainedGroup, train_group, write_seconds


class Member(NamedTuple):
    """One run of a group."""

    name: str
    config: RunConfig
    requested: Requested


class GroupJob(NamedTuple):
    """Runs of one `group_key`, with everything that a worker needs to make them.

    Attributes:
        name: a hash of the names of the runs; their shard and their checkpoints are called so.
        workdir: folder of the study.
        members: the runs.
    """

    name: str
    workdir: str
    members: tuple[Member, ...]

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of the runs."""
        return tuple(member.name for member in self.members)

    @property
    def log(self) -> Path:
        """The file of everything that is printed."""
        return Path(self.workdir) / "logs" / f"{self.name}.txt"

    def to_json(self) -> str:
        """Returns the job as a line of JSON, without its end."""
        members = [
            [name, config.to_dict(), requested.to_dict()]
            for name, config, requested in self.members
        ]
        return json.dumps({"name": self.name, "workdir": self.workdir, "members": members})

    def make(self, stop: StopRequest, tools: Tools) -> Outcome:
        """Makes the runs, in halves where they do not fit in the memory together.

        Raises:
            UserError: a config or its data set cannot be used.
            InUseError: another process makes the group.
            Interrupted: `stop` was set; a checkpoint was saved.
        """
        folder = Path(self.workdir) / "groups" / self.name
        try:
            with claimed_folder(folder):
                self._train(folder, stop, tools)
            _remove(folder)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error) or len(self.members) == 1:
                raise
            # The processor's own memory may be that of the failed attempt until it is collected.
            reason = str(error).splitlines()[0][:200] if str(error) else "out of memory"
        else:
            runs = len(self.members)
            message = "1 run" if runs == 1 else f"{runs} runs together"
            return Outcome(self.name, COMPLETED, message)
        half = len(self.members) // 2
        say(f"{len(self.members)} runs do not fit in memory together ({reason}); made in halves")
        for part in (self.members[:half], self.members[half:]):
            group_job(part, self.workdir).make(stop, tools)
        return Outcome(self.name, COMPLETED, f"{len(self.members)} runs, in halves: {reason}")

    def _train(self, folder: Path, stop: StopRequest, tools: Tools) -> None:
        trained = train_group([member.config for member in self.members], folder, stop)
        measured = _measured(trained, self.members, stop, tools)
        lines = [
            line_of(member.name, trained.record(number), measured[number])
            for number, member in enumerate(self.members)
        ]
        trained.watch.lap("keeping")
        seconds = Path(self.workdir) / SECONDS_FOLDER
        seconds.mkdir(exist_ok=True)
        write_seconds(seconds / f"{self.name}.json", trained.watch.total())
        # Last of all: a group with a file of lines is over.
        write_shard(Path(self.workdir), self.name, lines)


def _remove(folder: Path) -> None:
    """Removes the checkpoints of a group that is over, and the folder of all groups' when empty."""
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()


def _measured(
    trained: TrainedGroup, members: Sequence[Member], stop: StopRequest, tools: Tools
) -> list[dict[str, Any]]:
    """Computes what the study requests beside the record, for each run: sections of its line."""
    found: list[dict[str, Any]] = [{} for _ in members]
    completed = [i for i, member in enumerate(trained.members) if not member.diverged]
    for name in dict.fromkeys(name for member in members for name in member.requested.variants):
        asked = [i for i in completed if name in members[i].requested.variants]
        sections = [members[i].requested.variants[name] for i in asked]
        for i, counts in zip(asked, trained.count(asked, sections), strict=True):
            variant = {"mean": float(counts.mean), "standard_error": float(counts.standard_error)}
            found[i].setdefault("variants", {})[name] = variant
        trained.watch.lap("counting")
        _leave_if(stop)
    for i in completed:
        requested = members[i].requested
        if requested.computed:
            measures: dict[str, float] = {}

            def note(
                name: str, value: float, error: float | None = None, into: Any = measures
            ) -> None:
                into[name] = value

            finished = trained.finished(i)
            tools.measure(finished, requested.computed, requested.examples, note)
            found[i]["measures"] = measures
        if SEED_DISAGREEMENT in requested.measures:
            found[i]["labels"] = tools.predict_labels(trained.finished(i)).content()
        trained.watch.lap("measuring")
        _leave_if(stop)
    return found


def _leave_if(stop: StopRequest) -> None:
    if stop.is_set():
        raise Interrupted("interrupted after training, all saved")


def group_job(members: Sequence[Member], workdir: str) -> GroupJob:
    """Returns the job of some runs."""
    return GroupJob(shard_name([member.name for member in members]), workdir, tuple(members))


def job_from_json(line: str) -> Job | GroupJob | CostJob:
    """Returns the job that its `to_json` wrote."""
    values: Mapping[str, Any] = json.loads(line)
    if "cost_of" in values:
        return CostJob.from_values(values)
    if "members" not in values:
        return Job.from_json(line)
    members = tuple(
        Member(name, run_config(config), Requested.from_dict(requested))
        for name, config, requested in values["members"]
    )
    return GroupJob(values["name"], values["workdir"], members)
