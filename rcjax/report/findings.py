"""What a study shows, in sentences made from its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from rcjax.report.notes import notes, why_no_correlation
from rcjax.report.texts import say
from rcjax.statistics import (
    Analysis,
    Interval,
    MeasureStatistics,
    NetworkStatistics,
    Options,
    names,
)


@dataclass(frozen=True)
class Finding:
    """What is said of one network.

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
    """What is said of a study: of all networks together, empty for one, and of every one."""

    overview: str
    networks: Mapping[str, Finding]


def findings_of(analysis: Analysis) -> Findings:
    """Everything that is said of a study."""
    networks = {name: finding(own, analysis.options) for name, own in analysis.networks.items()}
    return Findings(overview(analysis), networks)


def finding(network: NetworkStatistics, options: Options) -> Finding:
    """Says what the correlation is, and plainly what weakens it."""
    count, confidence = network.count, options.confidence
    if count.pearson.value is None:
        remarks = [f"{reason.rstrip('.')}." for reason in why_no_correlation(network)]
    else:
        null, trivial = network.gap.null, network.gap.trivial
        remarks = [
            say("beside_null", count=count, null=null, confidence=confidence),
            say("beside_trivial", count=count, trivial=trivial, lead=_lead(count)),
            say("given_controls", count=count),
            say("given_ranks", count=count, null=null, confidence=confidence),
            say("in_cells", count=count, null=null, confidence=confidence),
            say("without_unfitted", count=count, fitted=network.fitted_only),
        ]
    shown = tuple(remark for remark in remarks if remark)
    said = tuple(notes(network, options.fitted_accuracy))
    return Finding(network.name, say("result", count=count), shown, said)


def overview(analysis: Analysis) -> str:
    """All networks in one sentence; empty for a single one."""
    counts = [network.count for network in analysis.networks.values()]
    known = [count for count in counts if count.pearson.value is not None]
    if len(known) < 2:
        return ""
    pooled = analysis.pooled
    return say(
        "overview",
        networks=len(counts),
        clear=sum(_sign(count.pearson.interval) > 0 for count in known),
        ahead=sum(_lead(count) > 0 for count in known),
        pooled=pooled[names.GAP][names.COUNT].pearson if pooled else None,
    )


def _lead(count: MeasureStatistics) -> int:
    """1 where the count is clearly ahead of the trivial predictor, -1 where behind, 0 where open.

    The interval of the difference decides: both correlations are over the same settings and rise
    and fall together, so that their own intervals overlap even where one is always the larger.
    """
    return _sign(count.pearson_minus_trivial.interval)


def _sign(interval: Interval | None) -> int:
    """The sign of all values in an interval; 0 where it holds zero or is unknown."""
    return 0 if interval is None else (interval.low > 0) - (interval.high < 0)
