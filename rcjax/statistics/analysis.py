"""Rows of a study to everything that they tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rcjax.errors import UserError
from rcjax.statistics.bootstrap import Resamples
from rcjax.statistics.network import NetworkStatistics, network_statistics
from rcjax.statistics.one_measure import Options
from rcjax.statistics.pooling import pooled_statistics
from rcjax.statistics.relation import Relation
from rcjax.statistics.rows import Row
from rcjax.statistics.selection import Selection, selection
from rcjax.statistics.study_rows import StudyRows


@dataclass(frozen=True)
class Analysis:
    """What the rows of a study tell.

    Attributes:
        study: the rows.
        options: of `analyze`.
        networks: by name, in the order in which they come.
        pooled: Pearson and Spearman over the settings of all networks, by outcome and measure;
            None for one network.
        selection: among the networks of all kinds together; None for one network.
    """

    study: StudyRows
    options: Options
    networks: Mapping[str, NetworkStatistics]
    pooled: Mapping[str, Mapping[str, Relation]] | None
    selection: Selection | None

    @property
    def collapsed(self) -> list[str]:
        """Names of the completed runs near chance."""
        return [name for found in self.networks.values() for name in found.facts.collapsed]

    @property
    def not_fitted(self) -> list[str]:
        """Names of the completed runs that did not fit their training set."""
        return [name for found in self.networks.values() for name in found.facts.not_fitted]


def analyze(
    rows: Sequence[Row],
    *,
    bootstrap_samples: int = 2000,
    confidence: float = 0.95,
    fitted_accuracy: float = 99.0,
    seed: int = 0,
) -> Analysis:
    """Every statistic of a study.

    Args:
        rows: of all runs, also of those without numbers; see `rcjax.statistics.Row`.
        bootstrap_samples: resamples of every interval; at least 10.
        confidence: of every interval, between 0 and 1.
        fitted_accuracy: percent; a run of lower train accuracy did not fit its training set.
        seed: of the resamples, the random predictors and the order of ties.

    Returns:
        The statistics of every network and of all networks together. docs/statistics.md says what
        each number means.

    Raises:
        UserError: options out of range.

    Example:
        >>> from rcjax.statistics import Row
        >>> rows = [Row(f"run {i}", "mlp", {"learning_rate": 0.1 / 2**i}, 0, "completed", 100.0,
        ...             90.0 - i, 10.0 + i, {"region_count": 3.0 + i**2}) for i in range(5)]
        >>> count = analyze(rows, bootstrap_samples=100).networks["mlp"].count
        >>> count.spearman.value, count.settings
        (1.0, 5)
    """
    options = Options(bootstrap_samples, confidence, fitted_accuracy, seed)
    _check(options)
    study = StudyRows(rows)
    resamples = Resamples(options.bootstrap_samples, options.seed)
    networks = {own.name: network_statistics(own, resamples, options) for own in study.networks}
    pooled = pooled_statistics(study, resamples, options)
    settings = [setting for network in study.networks for setting in network.settings]
    together = None if pooled is None else selection(settings, options)
    return Analysis(study, options, networks, pooled, together)


def _check(options: Options) -> None:
    for name, value, legal, words in (
        ("bootstrap_samples", options.bootstrap_samples, options.bootstrap_samples >= 10,
         "10 or more"),
        ("confidence", options.confidence, 0 < options.confidence < 1, "between 0 and 1, as 0.95"),
        ("fitted_accuracy", options.fitted_accuracy, 0 <= options.fitted_accuracy <= 100,
         "a percentage"),
    ):  # fmt: skip
        if not legal:
            raise UserError(f"report.{name} must be {words}; got {value}")
