"""The state of a run of a study, wherever it is kept, and its row in the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from rcjax.statistics import Row, names, variant_name
from rcjax.study.grid import PlannedRun
from rcjax.study.predicted_labels import PredictedLabels
from rcjax.study.requested import TRAIN_LOSS
from rcjax.training import RunResult, is_classical

COMPLETED, MISSING, DAMAGED = names.COMPLETED, names.MISSING, names.DAMAGED


@dataclass(frozen=True)
class Measured:
    """What is known of a trained network beside its record.

    Attributes:
        measures: those requested by name; None where one is undefined.
        variants: mean counts by the name of the variant.
        labels: of the test images, if they are requested.
        complete: whether nothing that the study requests is missing.
    """

    measures: Mapping[str, float | None] = field(default_factory=dict)
    variants: Mapping[str, float] = field(default_factory=dict)
    labels: PredictedLabels | None = None
    complete: bool = True


class RunStatus(NamedTuple):
    """A run and what is there of it.

    Attributes:
        run: of the grid.
        status: "completed", "diverged", "missing" or "damaged".
        result: of a run that is over.
        measured: of a completed run.
        message: why it is damaged or missing; may be empty.
    """

    run: PlannedRun
    status: str
    result: RunResult | None = None
    measured: Measured = Measured()
    message: str = ""

    @property
    def pending(self) -> bool:
        """Whether it is still to be trained, or something to be computed of its network."""
        if self.status == COMPLETED:
            return not self.measured.complete
        return self.status == MISSING


def make_row(found: RunStatus) -> Row:
    """Returns the row of a run for statistics and report."""
    config, result = found.run.config, found.result or RunResult(found.status)
    axes = {name: value for name, value in found.run.axes.items() if name not in _NOT_SETTINGS}
    always = {} if is_classical(config) else {name: getattr(config, name) for name in _ALWAYS}
    measures = {} if result.mean_count is None else {names.COUNT: result.mean_count}
    if found.status == COMPLETED:
        variants = {variant_name(n): mean for n, mean in found.measured.variants.items()}
        competing = {**found.measured.measures, **variants}
        measures |= {n: v for n, v in competing.items() if v is not None}
        if TRAIN_LOSS in found.run.requested.measures:
            measures[TRAIN_LOSS] = result.history[-1][TRAIN_LOSS]
    return Row(
        name=found.run.name,
        network=config.network,
        settings={**always, **axes},
        seed=config.seed,
        status=found.status,
        train_accuracy=result.train_accuracy,
        test_accuracy=result.test_accuracy,
        generalization_gap=result.generalization_gap,
        measures=measures,
        standard_error=result.standard_error,
        halves=_halves(result.counts, found.measured.labels),
        history=result.history,
        versions=dict(result.versions),
        message=found.message,
    )


def _halves(
    counts: Sequence[int], labels: PredictedLabels | None
) -> dict[str, tuple[float, float]]:
    """The count by halves of the slices, and the test accuracy by halves of the images."""
    found = {}
    if len(counts) > 1:
        found[names.COUNT] = (float(np.mean(counts[::2])), float(np.mean(counts[1::2])))
    if labels is not None:
        found[names.TEST_ACCURACY] = labels.accuracy_of_halves
    return found


_NOT_SETTINGS = ("network", "seed")
# The trivial predictor needs them, whether or not they vary. Classical classifiers have none.
_ALWAYS = ("learning_rate", "batch_size", "weight_decay")


def version_messages(rows: Sequence[Row]) -> list[str]:
    """One line for each thing on which the runs' versions differ.

    The same seed gives the same bits only as long as all of these agree.
    """
    messages = []
    with_versions = [row for row in rows if row.versions]
    for name in dict.fromkeys(name for row in with_versions for name in row.versions):
        by_value: dict[str, list[str]] = {}
        for row in with_versions:
            by_value.setdefault(str(row.versions.get(name, "unknown")), []).append(row.name)
        if len(by_value) > 1:
            shares = "; ".join(
                f"{value} ({len(names)} runs, among them {names[0]})"
                for value, names in by_value.items()
            )
            messages.append(f"the runs were made with different {name}: {shares}")
    return messages
