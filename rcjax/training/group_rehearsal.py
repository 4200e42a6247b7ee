"""Rehearses a group of a mass study, as `rcjax.training.rehearsal` does a run."""

import dataclasses
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rcjax.config import RegionsSection, RunConfig
from rcjax.runtime import StopRequest, finite, require_devices
from rcjax.training.checkpoints import Checkpoints
from rcjax.training.evaluation import Scores
from rcjax.training.experiment import history_entry
from rcjax.training.group import Group
from rcjax.training.group_loop import MemberProgress, TrainedGroup
from rcjax.training.rehearsal import (
    Rehearsal,
    leave_if,
    memory,
    parameters_of,
    size_of,
    time_group_epoch,
)
from rcjax.training.run_cost import Disk, RunCost, evaluations
from rcjax.training.state import TrainState
from rcjax.training.timing import Timed, seconds_of, time_part, twice
from rcjax.training.validation import check_config


@dataclasses.dataclass(frozen=True)
class GroupRehearsal(Rehearsal):
    """A rehearsed group; its cost is that of one of its runs.

    Attributes:
        group: its compiled parts.
        states: of all runs, stacked.
    """

    group: Group
    states: TrainState

    def time_count(self, regions: RegionsSection) -> Timed:
        """Times a count of all networks of the group, for one of them."""
        return time_group_count(self.group, self.states, regions)


def rehearse_group(configs: Sequence[RunConfig], stop: StopRequest) -> GroupRehearsal:
    """Does a little of every part of a group.

    Args:
        configs: of the runs, of one `group_key`.
        stop: asks to leave early.

    Raises:
        UserError: a config or its data set cannot be used.
        Interrupted: `stop` was set.
    """
    for config in configs:
        check_config(config)
    require_devices()
    runs, config = len(configs), configs[0]
    made: list[tuple[Group, TrainState]] = []

    def prepare() -> None:
        made.clear()
        group = Group(configs)
        made.append((group, group.first_states()))
        group.compile(made[0][1])

    cold, preparing = twice(prepare)
    group, states = made.pop()
    _, epoch, states = time_group_epoch(group, states, stop)
    leave_if(stop)
    evaluating, evaluation = twice(lambda: group.evaluate(states))
    leave_if(stop)
    count = time_group_count(group, states, config.regions)
    leave_if(stop)
    saving, checkpoint = _saved(states)
    line = _line(group, states, config)
    cost = RunCost(
        parameters=parameters_of(states) // runs,
        examples=group.datasets[0].train_size,
        steps=group.experiment.checkpoints_per_epoch,
        timed_steps=group.experiment.checkpoints_per_epoch,
        slices=config.regions.slices,
        timed_slices=count.done,
        together=runs,
        once=cold - preparing + evaluating - evaluation + count.once,
        preparing=preparing / runs,
        epoch=epoch / runs if config.epochs else 0.0,
        evaluation=evaluation / runs,
        count=count.all,
        saving=saving / runs,
        keeping=0.0,
        # The checkpoint of a group goes when the group is over.
        disk=Disk(checkpoint=checkpoint // runs, records=line),
        program=group.program_bytes(),
        **memory(),
    )
    return GroupRehearsal(cost, group.finished(states, states, 0), group, states)


def time_group_count(group: Group, states: TrainState, regions: RegionsSection) -> Timed:
    """Times a count by some of its slices, on the networks of one seed; per run of the group."""
    seeds = Counter(config.seed for config in group.configs)
    seed, alike = seeds.most_common(1)[0]
    members = [i for i, config in enumerate(group.configs) if config.seed == seed]

    def count(slices: int) -> None:
        section = dataclasses.replace(regions, slices=slices)
        group.count(states, members, [section] * alike)

    timed = time_part(count, regions.slices)
    # Fewer networks of another seed are filled up to as many: they take as long.
    return timed._replace(all=timed.all * len(seeds) / len(group.configs))


def _saved(states: TrainState) -> tuple[float, int]:
    """Returns the seconds and the bytes of a group's checkpoint."""
    with tempfile.TemporaryDirectory(prefix="rcjax-dry-run-") as folder:
        checkpoints = Checkpoints(Path(folder) / "checkpoints", keep=1)
        try:
            seconds = seconds_of(lambda: checkpoints.save(states, {}, 0))
        finally:
            checkpoints.close()
        return seconds, size_of(Path(folder))


def _line(group: Group, states: TrainState, config: RunConfig) -> int:
    """Bytes of the line of a run, without what is measured after training."""
    scores = Scores(1.23456789, 98.7654321)
    entry = history_entry(config.epochs, 0.1, scores, scores, [12, 13])
    history, counts = [entry] * evaluations(config), [12] * config.regions.slices
    progress = MemberProgress(config.epochs, history, counts)
    record = TrainedGroup(group, states, [progress] * len(group.configs)).record(0)
    del record["config"]
    return len(json.dumps(finite(record), separators=(",", ":")))
