"""The findings of a study, in sentences made from its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from rcjax.report.notes import notes, why_no_correlation
from rcjax.report.texts import text_of
from rcjax.statistics import Analysis, NetworkStatistics, Options, Sign, detectable, names, verdict


@dataclass(frozen=True)
class Finding:
    """The sentences on one network.

    Attributes:
        network: its name.
        result: in one sentence.
        remarks: what the result has to be held against.
        notes: what a reader of all its numbers must know.
    """

    network: str
    result: str
    remarks: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """The sentences on a study: on all networks together, empty for one, and on every one."""

    overview: str
    networks: Mapping[str, Finding]


def findings_of(analysis: Analysis) -> Findings:
    """Everything that is said of a study."""
    networks = {name: finding(own, analysis.options) for name, own in analysis.networks.items()}
    return Findings(overview(analysis), networks)


def finding(network: NetworkStatistics, options: Options) -> Finding:
    """Says the strongest thing that the statistics allow, and plainly what weakens it."""
    count, confidence = network.count, options.confidence
    seen = verdict(count, confidence)
    if seen.relation is None:
        remarks = [f"{reason.rstrip('.')}." for reason in why_no_correlation(network)]
        remarks.append(text_of("over_seeds", count=count, verdict=seen))
    else:
        least = detectable(count.settings, confidence)
        remarks = [
            text_of("beside_chance", count=count, confidence=confidence),
            text_of("beside_trivial", count=count, trivial=network.gap.trivial, lead=seen.lead),
            text_of("given_controls", count=count),
            text_of("given_ranks", count=count),
            text_of("given_all", count=count),
            text_of("over_seeds", count=count, verdict=seen),
            text_of("without_noise", count=count),
            text_of("by_halves", halves=network.gap.halves),
            text_of("joint", joint=network.joint),
            text_of("power", settings=count.settings, least=least, verdict=seen),
            text_of("without_unfitted", count=count, fitted=network.fitted_only),
        ]
    collapsed = len(network.facts.collapsed)
    remarks.append(text_of("beside_collapsed", collapsed=collapsed, found=network.with_collapsed))
    return Finding(
        network.name,
        text_of("result", count=count, verdict=seen),
        tuple(remark for remark in remarks if remark),
        tuple(notes(network, options.fitted_accuracy)),
    )


def overview(analysis: Analysis) -> str:
    """All networks in one paragraph; empty for a single one."""
    confidence = analysis.options.confidence
    seen = [verdict(network.count, confidence) for network in analysis.networks.values()]
    if sum(one.relation is not None for one in seen) < 2:
        return ""
    pooled = analysis.pooled
    return text_of(
        "overview",
        networks=len(seen),
        relation={sign: sum(one.relation is sign for one in seen) for sign in Sign},
        lead={sign: sum(one.lead is sign for one in seen) for sign in Sign},
        in_cells={sign: sum(one.in_cells is sign for one in seen) for sign in Sign},
        pooled=pooled[names.GAP][names.COUNT].pearson if pooled else None,
    )
