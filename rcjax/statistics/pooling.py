"""All networks together: one cloud of settings, whatever the network."""

from collections.abc import Mapping

from rcjax.statistics.bootstrap import Resamples
from rcjax.statistics.names import GAP, OUTCOMES
from rcjax.statistics.one_measure import Options, same_outcome
from rcjax.statistics.relation import Relation, relation
from rcjax.statistics.study_rows import StudyRows, values_of


def pooled_statistics(
    study: StudyRows, resamples: Resamples, options: Options
) -> Mapping[str, Mapping[str, Relation]] | None:
    """Pearson and Spearman over the settings of all networks.

    Returns:
        By outcome and measure; None where fewer than two networks have completed runs.
    """
    networks = [network for network in study.networks if network.completed]
    if len(networks) < 2:
        return None
    settings = [setting for network in networks for setting in network.settings]
    measures = dict.fromkeys(measure for network in networks for measure in network.measures)
    values = {name: values_of(settings, name) for name in (*measures, *OUTCOMES)}
    found: dict[str, dict[str, Relation]] = {}
    for outcome in OUTCOMES:
        same = outcome != GAP and same_outcome(values[outcome], values[GAP])
        found[outcome] = (
            found[GAP]
            if same
            else {
                measure: relation(values[measure], values[outcome], resamples, options)
                for measure in measures
            }
        )
    return found
