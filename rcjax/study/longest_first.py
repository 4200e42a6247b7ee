"""The order in which jobs begin: the longest first, so that none is waited for at the end."""

import functools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from rcjax.config import RunConfig
from rcjax.study.jobs import AnyJob
from rcjax.study.programs import program_key
from rcjax.training import Seconds, is_classical, parameters_of_network

_ALL = 50_000  # images of a run that takes all there are; its data set is not read for this


class Ordered(NamedTuple):
    """Jobs, the longest first.

    Attributes:
        jobs: in this order.
        given: the same in the order in which they were given.
        work: of each run of the study by its name, in a unit that is the same for all.
    """

    jobs: Sequence[AnyJob]
    given: Sequence[AnyJob]
    work: Mapping[str, float]

    def in_given_order(self) -> "Ordered":
        """Returns the jobs in the order in which they were given."""
        return self._replace(jobs=self.given)

    def share(self, left: Collection[str]) -> float:
        """Returns the share of all work that is done while so many runs are left."""
        return 1.0 - math.fsum(self.work[run] for run in left) / math.fsum(self.work.values())


def longest_first(
    jobs: Sequence[AnyJob],
    configs: Mapping[str, RunConfig],
    taken: Mapping[str, Seconds],
    trained: Collection[str] = (),
) -> Ordered:
    """Orders jobs by the work that they are.

    An epoch of a run is as much work as runs of its program took, where some are over; else as its
    parameters times its images, in the seconds that the others tell. Jobs of equal work keep their
    order.

    Args:
        jobs: of a study.
        configs: of all its runs by name.
        taken: seconds of runs that are over.
        trained: names of runs of which only the measures are missing; they count as an epoch.
    """
    of_epoch = _work_of_epoch(configs, taken)
    work = {
        name: of_epoch(config) * (1 if name in trained else max(config.epochs, 1))
        for name, config in configs.items()
    }

    def of_job(job: AnyJob) -> float:
        return sum(work[run] for run in job.runs)

    return Ordered(sorted(jobs, key=of_job, reverse=True), jobs, work)


def _work_of_epoch(
    configs: Mapping[str, RunConfig], taken: Mapping[str, Seconds]
) -> Callable[[RunConfig], float]:
    key = functools.cache(program_key)
    known: dict[str, list[float]] = {}
    scales = []
    for name, seconds in taken.items():
        config = configs[name]
        each = seconds.total / max(config.epochs, 1)
        known.setdefault(key(config), []).append(each)
        scales.append(each / _size(config))
    scale = sum(scales) / len(scales) if scales else 1.0

    def work(config: RunConfig) -> float:
        if seen := known.get(key(config)):
            return sum(seen) / len(seen)
        return scale * _size(config)

    return work


def _size(config: RunConfig) -> float:
    parameters = 1 if is_classical(config) else parameters_of_network(config)
    return float(parameters * (config.train_examples or _ALL))
