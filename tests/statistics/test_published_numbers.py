"""The statistics of the runs that the authors of the paper published."""

import numpy as np
import pytest
from scipy import stats

from rcjax.statistics import analyze
from rcjax.statistics.csv_table import read_table

from ..report.report_json import report_json
from .published_runs import LINES, PLANES, averages, lines
from .slow_statistics import granulated, information_score

# Pearson and Spearman of the count after 200 epochs and the gap, 27 settings averaged over runs:
# computed from the authors' rows with another program.
KNOWN = {
    "resnet18": (0.984, 0.956),
    "senet18": (0.981, 0.942),
    "efficientnet_b0": (0.980, 0.985),
}


@pytest.fixture(scope="module")
def report():
    return report_json(analyze(read_table(LINES), bootstrap_samples=400))


@pytest.mark.parametrize("network", KNOWN)
def test_correlations_of_the_authors_runs(report, network):
    found = report["networks"][network]
    assert found["settings"] == 27
    assert found["runs"] == len(lines(network))
    pearson, spearman = KNOWN[network]
    assert found["pearson"] == pytest.approx(pearson, abs=5e-4)
    assert found["spearman"] == pytest.approx(spearman, abs=6e-4)
    _, counts, gaps = averages(lines(network))
    assert found["pearson"] == pytest.approx(stats.pearsonr(counts, gaps).statistic)
    assert found["spearman"] == pytest.approx(stats.spearmanr(counts, gaps).statistic)
    assert found["kendall"] == pytest.approx(stats.kendalltau(counts, gaps).statistic)


def test_correlations_on_planes():
    found = report_json(analyze(read_table(PLANES), bootstrap_samples=10))["networks"]["resnet18"]
    assert found["pearson"] == pytest.approx(0.989, abs=5e-4)
    assert found["spearman"] == pytest.approx(0.973, abs=6e-4)


@pytest.mark.parametrize("network", ["resnet18", "efficientnet_b0"])  # without equal counts
def test_grid_statistics_agree_with_plain_python(report, network):
    found = report["networks"][network]
    settings, counts, gaps = averages(lines(network))
    assert found["granulated_kendall"] == pytest.approx(granulated(settings, counts, gaps))
    score = information_score(settings, counts, gaps)
    assert found["conditional_mutual_information"] == pytest.approx(score)


def test_partial_correlation_agrees_with_a_regression(report):
    settings, counts, gaps = averages(lines())
    controls = [[1, np.log(s["learning_rate"]), np.log(s["batch_size"])] for s in settings]
    left = [v - controls @ np.linalg.lstsq(controls, v, rcond=None)[0] for v in (counts, gaps)]
    expected = stats.pearsonr(*left).statistic
    assert report["networks"]["resnet18"]["partial_correlation"] == pytest.approx(expected)


def test_the_trivial_predictor_is_printed_beside(report):
    trivial = {name: found["trivial_predictor"] for name, found in report["networks"].items()}
    settings, _, gaps = averages(lines("senet18"))
    predictor = [np.log(s["batch_size"] / s["learning_rate"]) for s in settings]
    expected = stats.pearsonr(predictor, gaps).statistic
    assert trivial["senet18"]["pearson"] == pytest.approx(expected)
    # It knows nothing of the weight decay, and learning rate and batch size explain it.
    assert trivial["senet18"]["granulated_kendall"]["weight_decay"] == 0
    assert trivial["senet18"]["partial_correlation"] is None
    said = {name: " ".join(found["findings"]) for name, found in report["networks"].items()}
    assert "does as well or better" in said["senet18"]
    assert "does as well or better" not in said["resnet18"]


def test_the_lead_over_the_trivial_predictor_is_that_of_the_same_resamples(report):
    key = "pearson_minus_trivial"
    leads = {name: found[key] for name, found in report["networks"].items()}
    intervals = {name: found[f"{key}_interval"] for name, found in report["networks"].items()}
    for name, found in report["networks"].items():
        trivial = found["trivial_predictor"]
        assert leads[name] == pytest.approx(found["pearson"] - trivial["pearson"], abs=1e-9)
        assert (trivial[key], trivial[f"{key}_interval"]) == (0, [0, 0])
    assert intervals["resnet18"][0] > 0
    for name in ("senet18", "efficientnet_b0"):
        low, high = intervals[name]
        assert low < 0 < high
    # Of independent resamples the interval would be wider.
    found = report["networks"]["senet18"]
    spread = np.hypot(*(np.ptp(s["pearson_interval"]) for s in (found, found["trivial_predictor"])))
    assert np.ptp(intervals["senet18"]) < 0.8 * spread


def test_the_sentences_show_where_ranks_disagree(report):
    """SENet18: partial r 0.96, but given the ranks of the controls no more than chance."""
    found = report["networks"]["senet18"]
    assert found["partial_correlation"] == pytest.approx(0.96, abs=0.01)
    assert found["partial_rank_correlation"] == pytest.approx(0.24, abs=0.01)
    said = " ".join(found["findings"])
    assert "Given the logarithms of learning rate and batch size, r = 0.96" in said
    assert "\N{GREEK SMALL LETTER RHO} = 0.241, within the [" in said


def test_intervals_contain_the_value_and_are_as_wide_as_known(report):
    found = report["networks"]["resnet18"]
    low, high = found["pearson_interval"]
    assert low == pytest.approx(0.96, abs=0.015)
    assert high == pytest.approx(0.99, abs=0.005)
    for name in ("pearson", "spearman", "kendall", "partial_correlation"):
        low, high = found[f"{name}_interval"]
        assert low < found[name] < high


def test_the_gap_of_fitted_runs_is_the_test_error_and_the_report_says_so(report):
    network = report["networks"]["resnet18"]
    outcomes = network["outcomes"]
    assert outcomes["test_error"]["region_count"]["pearson"] == pytest.approx(
        outcomes["generalization_gap"]["region_count"]["pearson"], abs=1e-4
    )
    assert any("the gap is the test error" in note for note in network["notes"])
    assert network["fitted_only"] is None


def test_pooled_over_networks(report):
    pooled = report["pooled"]["generalization_gap"]["region_count"]
    networks = [averages(lines(network)) for network in KNOWN]
    counts = np.concatenate([counts for _, counts, _ in networks])
    gaps = np.concatenate([gaps for _, _, gaps in networks])
    assert (pooled["settings"], pooled["runs"]) == (81, 232)
    assert pooled["pearson"] == pytest.approx(stats.pearsonr(counts, gaps).statistic)
    assert pooled["spearman"] == pytest.approx(stats.spearmanr(counts, gaps).statistic)
