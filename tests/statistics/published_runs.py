"""Runs that the authors of the paper published, as rows.

cifar10_1d_lines.csv, cifar10_2d_planes.csv: ResNet18, SENet18 and EfficientNetB0 on CIFAR-10, 27
settings, about 3 runs each; from the result files of the authors' repository "implicit_bias" (Li et
al., "Understanding nonlinear implicit bias via region counts in input space", ICML 2025), three of
the 21 epochs at which they counted.
"""

from pathlib import Path

from rcjax.statistics.csv_table import read_table

FOLDER = Path(__file__).parent
LINES = FOLDER / "cifar10_1d_lines.csv"
PLANES = FOLDER / "cifar10_2d_planes.csv"


def lines(network="resnet18"):
    return [row for row in read_table(LINES) if row.network == network]


def averages(rows):
    """Settings, mean counts and mean gaps, in plain Python."""
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row.settings.items()), []).append(row)

    def mean(values):
        values = list(values)
        return round(sum(values) / len(values), 9)

    settings = [dict(key) for key in groups]
    counts = [mean(row.measures["region_count"] for row in group) for group in groups.values()]
    gaps = [mean(row.generalization_gap for row in group) for group in groups.values()]
    return settings, counts, gaps
