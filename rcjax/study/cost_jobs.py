"""A job that makes no run: it measures what the runs of one program cost where they would be made.

An executor does it as it does every other job, so that it has the cores, the GPU and the company of
other workers that the runs will have.
"""

import contextlib
import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rcjax.config import RunConfig, run_config
from rcjax.runtime import StopRequest
from rcjax.study.jobs import COMPLETED, Outcome
from rcjax.study.requested import SEED_DISAGREEMENT, Requested
from rcjax.study.tools import Tools
from rcjax.training import (
    Rehearsal,
    RunCost,
    Seconds,
    cost_from,
    rehearse_group,
    rehearse_run,
    rehearse_together,
    twice,
)

_MOST_SECONDS = 20.0  # after which no further measure is timed


class CostJob(NamedTuple):
    """Runs of one program, with everything that a worker needs to measure their cost.

    Attributes:
        name: of the job.
        workdir: a temporary folder, for logs and compiled programs.
        configs: of runs that are made as one; of a single run where runs are made one by one.
        requested: what is computed of each network after training.
        lines: whether the records are lines of a mass study.
    """

    name: str
    workdir: str
    configs: tuple[RunConfig, ...]
    requested: Requested
    lines: bool

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of the runs that it makes: none."""
        return ()

    @property
    def log(self) -> Path:
        """The file of everything that is printed."""
        return Path(self.workdir) / "logs" / f"{self.name}.txt"

    def to_json(self) -> str:
        """Returns the job as a line of JSON, without its end."""
        typed = {
            "cost_of": [config.to_dict() for config in self.configs],
            "requested": self.requested.to_dict(),
        }
        fields = {"name": self.name, "workdir": self.workdir, "lines": self.lines}
        return json.dumps(fields | typed)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "CostJob":
        """Returns the job whose `to_json` holds these values."""
        configs = tuple(run_config(config) for config in values["cost_of"])
        requested = Requested.from_dict(values["requested"])
        return cls(values["name"], values["workdir"], configs, requested, values["lines"])

    def make(self, stop: StopRequest, tools: Tools) -> Outcome:
        """Measures; the message of the outcome is the cost as JSON, see `cost_of`.

        Raises:
            UserError: a config or its data set cannot be used.
            Interrupted: `stop` was set.
        """
        if self.lines:
            rehearsal: Rehearsal = rehearse_group(self.configs, stop)
        elif len(self.configs) > 1:
            rehearsal = rehearse_together(self.configs, stop)
        else:
            rehearsal = rehearse_run(self.configs[0], stop)
        cost = _with_after(rehearsal, self.requested, self.lines, tools)
        return Outcome(self.name, COMPLETED, json.dumps(dataclasses.asdict(cost)))


def cost_of(outcome: Outcome) -> RunCost:
    """Returns the cost that a `CostJob` measured."""
    return cost_from(json.loads(outcome.message))


class _EnoughError(Exception):
    """Measures have been timed for long enough."""


def _with_after(rehearsal: Rehearsal, requested: Requested, lines: bool, tools: Tools) -> RunCost:
    """Adds what is done of a network after its training."""
    network, once = rehearsal.network, 0.0
    counts = [rehearsal.time_count(section) for section in requested.variants.values()]
    once += sum(count.once for count in counts)
    names = list(requested.computed)
    measuring = 0.0
    if names:
        first, measuring = twice(
            lambda: _measure(rehearsal, requested, names, tools), _MOST_SECONDS
        )
        once += first - measuring
    if SEED_DISAGREEMENT in requested.measures:
        first, again = twice(lambda: tools.predict_labels(network))
        measuring, once = measuring + again, once + first - again
    asks = bool(requested.variants or names or SEED_DISAGREEMENT in requested.measures)
    after = Seconds(
        # Single runs are read back from their folder first.
        preparing=rehearsal.cost.preparing if asks and not lines else 0.0,
        counting=sum(count.all for count in counts),
        measuring=measuring,
    )
    unmeasured = [name for name in requested.computed if name not in names]
    return rehearsal.with_after(after, once, unmeasured)


def _measure(rehearsal: Rehearsal, requested: Requested, names: list[str], tools: Tools) -> None:
    """Computes measures until that has taken long enough; leaves the names of those computed."""
    start, done = time.monotonic(), []

    def note(name: str, value: float, error: float | None = None) -> None:
        done.append(name)
        if time.monotonic() - start > _MOST_SECONDS:
            raise _EnoughError

    with contextlib.suppress(_EnoughError):
        tools.measure(rehearsal.network, tuple(names), requested.examples, note)
    names[:] = [name for name in names if name in done]
