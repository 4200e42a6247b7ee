"""Studies of known truth through the whole path: what is said of each must be right."""

import pytest

from rcjax.report import About
from rcjax.report.findings import findings_of
from rcjax.report.page import render
from rcjax.report.writing import charts_of
from rcjax.statistics import Sign, analyze, verdict

from .simulated_studies import collapsed, simulated

SEEDS = [0, pytest.param(1, marks=pytest.mark.slow)]


def said(rows):
    """The verdict on the count, the bold sentence and all remarks."""
    analysis = analyze(rows, bootstrap_samples=100)
    (network,) = analysis.networks.values()
    (found,) = findings_of(analysis).networks.values()
    return verdict(network.count, 0.95), found.result, " ".join(found.remarks)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("truth", "relation", "in_cells", "bold"),
    [
        ("none", Sign.OPEN, Sign.OPEN, "no clear relation"),
        ("learning rate", Sign.POSITIVE, Sign.OPEN, "no more than chance"),
        ("real", Sign.POSITIVE, Sign.POSITIVE, "also among settings with the same"),
        ("opposite", Sign.POSITIVE, Sign.NEGATIVE, "it is the other way round"),
    ],
)
def test_the_bold_sentence_tells_the_truth(truth, relation, in_cells, bold, seed):
    seen, result, _ = said(simulated(truth, seed=seed))
    assert (seen.relation, seen.in_cells) == (relation, in_cells)
    assert bold in result
    assert ("fewer regions go with a smaller" in result) == (relation is Sign.POSITIVE)


def test_a_curved_effect_of_the_learning_rate_is_left_by_lines_alone():
    count = analyze(simulated("learning rate"), bootstrap_samples=50).networks["mlp"].count
    assert count.partial_correlation_given_all.chance.p < 0.05
    assert count.partial_correlation_flexible.chance.p > 0.05
    count = analyze(simulated("real"), bootstrap_samples=50).networks["mlp"].count
    assert count.partial_correlation_flexible.chance.p < 0.01
    assert count.partial_correlation_flexible.value > 0.8


@pytest.mark.parametrize("number", [4, 27])
@pytest.mark.parametrize("seed", SEEDS)
def test_collapsed_runs_decide_nothing(seed, number):
    rows = simulated("none", seed=seed)
    expected = said(rows[number:])
    seen, result, remarks = said(collapsed(rows, number))
    assert seen == expected[0]
    assert result == expected[1]
    assert "no clear relation" in result
    assert f"{number} runs collapsed (train accuracy below 60 % of the best)" in remarks
    assert "with them r = " in remarks


def test_noise_of_seeds_is_said_and_corrected():
    _, result, remarks = said(simulated("attenuated", noise=1.0, seed=1))
    corrected = analyze(simulated("attenuated", noise=1.0, seed=1), bootstrap_samples=100)
    count = corrected.networks["mlp"].count
    assert count.pearson.value < 0.85
    assert count.pearson_noise_corrected.interval.holds(1.0)
    assert "fewer regions go with a smaller" in result
    assert "Without the noise of seeds" in remarks


def test_many_networks_say_where_the_count_leads_and_where_it_trails():
    rows = [
        row
        for place, truth in enumerate(("none", "learning rate", "real", "opposite"))
        for row in simulated(truth, network=f"net-{place}")
    ]
    analysis = analyze(rows, bootstrap_samples=100)
    verdicts = [verdict(own.count, 0.95) for own in analysis.networks.values()]
    behind = sum(one.lead is Sign.NEGATIVE for one in verdicts)
    ahead = sum(one.lead is Sign.POSITIVE for one in verdicts)
    text = findings_of(analysis).overview
    assert "In 3 of 4 networks fewer regions go with a smaller generalization gap, in 1" in text
    assert f"ahead in {ahead} of 4, behind in {behind}" in text
    assert "more than chance in 2 of 4, in 1 of them the other way round" in text


def test_the_page_says_the_same():
    analysis = analyze(collapsed(simulated("none"), 27), bootstrap_samples=50)
    found = findings_of(analysis)
    text = render(analysis, About(), found, charts_of(analysis, About()))
    bold = text.partition("<strong>")[2].partition("</strong>")[0]
    assert "no clear relation" in bold
    assert "27 runs collapsed, near chance on the training set" in text
    assert text.count("training accuracy 11.20 %") == 27
