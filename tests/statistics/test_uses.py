"""Model selection, early prediction and fragility against brute force and known truths."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from rcjax.statistics import Options, Row, StudyRows, Undefined, analyze, names
from rcjax.statistics.bootstrap import Resamples
from rcjax.statistics.early_prediction import early_prediction
from rcjax.statistics.fragility import fragility
from rcjax.statistics.selection import selection

OPTIONS = Options(bootstrap_samples=100)


def rows_of(settings=9, seeds=2, *, seed=0, **changes):
    """Runs of one network on a grid of rate and width; the count tells the gap but for noise."""
    random = np.random.default_rng(seed)
    grid = list(itertools.product((0.1, 0.01, 0.001), range(settings // 3)))
    rows = []
    for (rate, width), run in itertools.product(grid, range(seeds)):
        gap = 10 + 2 * width - np.log10(rate) + random.standard_normal()
        count = round(0.3 * gap + 0.3 * random.standard_normal(), 1)  # ties
        history = tuple(
            {
                "epoch": epoch,
                "train_loss": float(random.random()),
                "train_accuracy": 50.0 + epoch,
                "region_count": {"mean": count * epoch + random.standard_normal()},
            }
            for epoch in (1, 4)
        )
        own = Row(
            f"run {len(rows)}", "mlp", {"learning_rate": rate, "batch_size": 32, "width": width},
            run, "completed", 100.0, 100.0 - gap, gap,
            {"region_count": count, "output_margin": -count}, history=history,
        )  # fmt: skip
        rows.append(replace(own, **changes))
    return rows


def selected(rows):
    return selection(StudyRows(rows).networks[0].settings, OPTIONS)


def regret_of(found, rule, candidates=2):
    (one,) = (r for r in found.regrets if (r.rule, r.candidates) == (rule, candidates))
    return one


@pytest.mark.parametrize(("candidates", "settings"), [(2, 6), (10, 12)])
def test_regret_is_the_mean_over_all_sets_and_ties(candidates, settings):
    rows = rows_of(settings)
    if candidates == 10:  # 24 runs have 1,961,256 sets of 10: some of them
        random = np.random.default_rng(1)
        sets = (random.choice(len(rows), candidates, replace=False) for _ in range(2000))
        tolerance = 0.12
    else:
        sets, tolerance = itertools.combinations(range(len(rows)), candidates), 1e-9
    ratio = {row.name: -np.log(row.settings["learning_rate"]) for row in rows}
    rules = {
        names.COUNT: lambda row: row.count,
        "output_margin": lambda row: row.count,  # the greatest of its negative
        names.TRIVIAL: lambda row: ratio[row.name],
        names.TRAIN_LOSS: lambda row: row.history[-1]["train_loss"],
        names.RANDOM: lambda row: 0.0,
    }
    regrets = {rule: [] for rule in rules}
    for chosen in sets:
        own = [rows[place] for place in chosen]
        best = max(row.test_accuracy for row in own)
        for rule, value in rules.items():
            least = min(map(value, own))
            tied = [row.test_accuracy for row in own if value(row) == least]
            regrets[rule].append(best - np.mean(tied))
    found = selected(rows)
    for rule, values in regrets.items():
        one = regret_of(found, rule, candidates)
        assert one.mean.value == pytest.approx(np.mean(values), abs=tolerance), rule
        assert one.mean.interval.holds(one.mean.value)
        assert one.mean.interval.low >= 0
        less = np.mean(values) - np.mean(regrets[names.COUNT])
        assert one.minus_count.value == pytest.approx(less, abs=2 * tolerance)


def test_validation_set_of_two_networks_errs_as_binomials_do():
    rows = [
        replace(row, test_accuracy=accuracy, generalization_gap=100.0 - accuracy)
        for row, accuracy in zip(rows_of(3, 2), (60.0,) * 3 + (90.0,) * 3, strict=True)
    ]
    worse, better = (stats.binom(10, p).pmf(np.arange(11)) for p in (0.6, 0.9))
    table = np.outer(worse, better)  # of validation accuracies
    wrong = np.tril(table, -1).sum() + np.trace(table) / 2
    found = [r for r in selected(rows).regrets if r.examples == 10 and r.candidates == 2]
    # 9 of 15 pairs differ; 40 simulated sets.
    assert found[0].mean.value == pytest.approx(30 * wrong * 9 / 15, abs=0.8)
    curve = [r for r in selected(rows_of(12)).regrets if r.rule == names.VALIDATION]
    regrets = [one.mean.value for one in curve if one.candidates == 2]
    assert regrets[9] < regrets[4] < regrets[0]  # more examples choose better


def test_perfect_measure_gives_nothing_away_and_no_validation_set_wins():
    rows = [replace(r, measures={"region_count": r.gap}) for r in rows_of(12)]
    one = regret_of(selected(rows), names.COUNT)
    assert (one.mean.value, one.validation.value) == (0.0, None)
    assert one.validation.interval == (np.inf, np.inf)


def test_what_chooses_nothing_says_why():
    few = selected(rows_of(9, 2)[:2])
    assert (few.regrets, few.undefined) == ((), Undefined.FEW_SETTINGS)
    same = [replace(row, test_accuracy=90.0) for row in rows_of()]
    assert selected(same).undefined is Undefined.CONSTANT_OUTCOME
    rows = [replace(r, history=(), measures={**r.measures, "norm": 1.0}) for r in rows_of()]
    rows = [replace(row, settings={"width": row.settings["width"]}) for row in rows]
    found = {r.rule: r.mean.undefined for r in selected(rows).regrets if r.candidates == 2}
    assert found[names.TRAIN_LOSS] is Undefined.NOT_RECORDED
    assert found[names.TRIVIAL] is Undefined.NO_TRIVIAL_PREDICTOR
    assert found["norm"] is Undefined.CONSTANT_MEASURE
    assert found[names.COUNT] is None


def test_early_predictors_agree_with_scipy_and_share_their_runs():
    rows = rows_of()
    network = StudyRows(rows).networks[0]
    found = early_prediction(network, Resamples(100, 0), OPTIONS)
    assert [one.epoch for one in found.predictors] == [1, 1, 1, 4, 4, 4]
    assert set(found.lacking) == {"test_accuracy", "generalization_gap"}
    gaps = [setting.mean(names.GAP) for setting in network.settings]
    rho = {}
    for one in found.predictors:
        x = [np.mean([r.value_at(one.epoch, one.predictor) for r in s.rows])
             for s in network.settings]  # fmt: skip
        if one.predictor == "train_accuracy":
            assert one.with_gap.spearman.undefined is Undefined.CONSTANT_MEASURE
            continue
        rho[one.predictor] = stats.spearmanr(x, gaps).statistic
        assert one.with_gap.spearman.value == pytest.approx(rho[one.predictor])
        ahead = abs(rho[names.COUNT]) - abs(rho[one.predictor])
        assert one.count_ahead.value == pytest.approx(ahead)
    cut = [replace(rows[0], history=rows[0].history[:1]), *rows[1:]]
    found = early_prediction(StudyRows(cut).networks[0], Resamples(100, 0), OPTIONS)
    assert ({one.epoch for one in found.predictors}, found.not_shared) == ({1}, (4,))


def test_fragility_compares_settings_that_differ_in_one_hyperparameter():
    random = np.random.default_rng(0)
    rows = [
        replace(
            row,
            measures={
                # At the smallest rate the count says the opposite.
                "region_count": row.gap * (-1 if row.settings["learning_rate"] < 0.005 else 1),
                "region_count: other": row.gap + random.standard_normal(),
            },
        )
        for row in rows_of(12, 1)
    ]
    found = fragility(StudyRows(rows).networks[0], Resamples(100, 0), OPTIONS)
    rate, width = found.axes
    assert [level.values for level in rate.levels] == [(0.001,), (0.01,), (0.1,)]
    assert [level.with_gap.spearman.value for level in rate.levels] == [-1, 1, 1]
    assert (rate.steps, rate.sign_changes) == (2, 1)
    assert (width.steps, len(width.neighbours)) == (3, 3)
    by_rate = [[r.count for r in rows if r.settings["learning_rate"] == v] for v in (0.001, 0.01)]
    first = rate.neighbours[0]
    assert first.settings == 4
    assert first.count.value == pytest.approx(stats.spearmanr(*by_rate).statistic)
    tau = stats.kendalltau(*by_rate).statistic
    assert first.reversed.value == pytest.approx((1 - tau) / 2)  # without ties
    (other,) = found.variants
    counts, others = ([r.measures[n] for r in rows] for n in ("region_count", other.name))
    assert other.with_count.spearman.value == pytest.approx(stats.spearmanr(counts, others)[0])


def test_random_search_is_looked_at_by_thirds_and_has_no_matched_settings():
    random = np.random.default_rng(0)
    rows = [
        replace(row, settings={"learning_rate": float(random.random()), "width": number % 2})
        for number, row in enumerate(rows_of(12, 1))
    ]
    rate, width = fragility(StudyRows(rows).networks[0], Resamples(100, 0), OPTIONS).axes
    assert [level.with_gap.settings for level in rate.levels] == [4, 4, 4]
    assert rate.neighbours == ()
    assert width.neighbours[0].count.undefined is Undefined.NO_MATCHED_SETTINGS
    assert width.neighbours[0].reversed.undefined is Undefined.NO_MATCHED_SETTINGS


def test_networks_together_are_chosen_from_too():
    rows = [replace(r, network=f"net {k}", name=f"{k} {r.name}") for k in "ab" for r in rows_of()]
    found = analyze(rows, bootstrap_samples=50)
    assert found.selection.runs == len(rows)
    assert found.networks["net a"].selection.runs == len(rows) // 2
