"""The null of a measure's own values, correlation over seeds, and the correction for noise."""

import dataclasses
import functools
import itertools

import numpy as np
import pytest
from scipy import stats

from rcjax.statistics import Row, Undefined, analyze, flexible
from rcjax.statistics.chance import chance, swapped
from rcjax.statistics.correlation import correlate_within_cells, pearson
from rcjax.statistics.flexible import FlexibleRegression
from rcjax.statistics.halves import split_halves
from rcjax.statistics.noise import noise_corrected
from rcjax.statistics.one_measure import Options
from rcjax.statistics.study_rows import StudyRows

CELLS = np.repeat(np.arange(3), 3)


def test_p_value_is_that_of_a_permutation_test():
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2, 12))
    found = chance(x, np.zeros(12, int), lambda z: pearson(z, y), confidence=0.95, seed=0)
    expected = stats.permutation_test(
        (x,), lambda z: stats.pearsonr(z, y).statistic, permutation_type="pairings",
        n_resamples=2000, rng=np.random.default_rng(1),
    ).pvalue  # fmt: skip
    assert found.p == pytest.approx(expected, abs=0.05)


def test_values_stay_in_their_cells():
    """Against all 6^3 orders within cells, written out."""
    random = np.random.default_rng(1)
    x, y = random.standard_t(2, (2, 9))
    orders = itertools.product(itertools.permutations(range(3)), repeat=3)
    every = np.array([x[np.concatenate([3 * i + np.array(o) for i, o in enumerate(order)])]
                      for order in orders])  # fmt: skip
    drawn = correlate_within_cells(every, y, CELLS)
    found = chance(x, CELLS, lambda z: correlate_within_cells(z, y, CELLS), confidence=0.95, seed=0)
    observed = abs(correlate_within_cells(x, y, CELLS))
    assert found.p == pytest.approx((np.abs(drawn) >= observed - 1e-9).mean(), abs=0.04)
    np.testing.assert_allclose(found.interval, np.quantile(drawn, [0.025, 0.975]), atol=0.05)


def test_heavy_tails_reach_no_more_than_their_level():
    random = np.random.default_rng(2)
    p = []
    for seed in range(100):
        x, y = random.standard_cauchy((2, 9))
        within = functools.partial(correlate_within_cells, y=y, cell=CELLS)
        p.append(chance(x, CELLS, within, confidence=0.95, seed=seed).p)
    assert 0.01 < np.mean(np.array(p) <= 0.1) < 0.2


def test_swapping_finds_leads_and_keeps_its_level_with_heavy_tails():
    random = np.random.default_rng(5)
    none, some = [], []
    for seed in range(150):
        y, *errors = random.standard_t(3, (3, 27)) * [[1.0], [0.5], [0.5]]
        x, rival = y + errors[0], y + errors[1]
        none.append(swapped(x, -rival, y, confidence=0.95, seed=seed).p)
        some.append(swapped(y + errors[0] / 5, rival, y, confidence=0.95, seed=seed).p)
    assert 0.01 < np.mean(np.array(none) <= 0.05) < 0.13
    assert np.mean(np.array(some) <= 0.05) > 0.8


def test_flexible_residuals_are_those_of_leaving_each_setting_out(monkeypatch):
    monkeypatch.setattr(flexible, "_LENGTHS", (0.8,))
    monkeypatch.setattr(flexible, "_PENALTIES", [0.1])
    random = np.random.default_rng(6)
    values, y = random.standard_normal((12, 2)), random.standard_normal((1, 12))
    points = (values - values.mean(axis=0)) / values.std(axis=0) / np.sqrt(2)
    kernel = np.exp(-((points[:, None] - points) ** 2).sum(axis=-1) / (2 * 0.8**2))
    errors = []
    for out in range(12):
        kept = np.arange(12) != out
        # Minimises |y - constant - K a|^2 + 0.1 a'Ka, written as equations.
        system = np.block([[kernel[kept][:, kept] + 0.1 * np.eye(11), np.ones((11, 1))],
                           [np.ones((1, 11)), np.zeros((1, 1))]])  # fmt: skip
        found = np.linalg.solve(system, [*y[0, kept], 0.0])
        errors.append(y[0, out] - kernel[out, kept] @ found[:-1] - found[-1])
    np.testing.assert_allclose(FlexibleRegression(values).residuals(y)[0], errors, atol=1e-6)


def test_correlation_over_seeds_is_that_of_differences_from_the_setting():
    random = np.random.default_rng(3)
    rows, x, y = [], [], []
    for place in range(5):
        own = random.standard_normal((2, 4)) + 10 * place
        x.append(own[0] - own[0].mean())
        y.append(own[1] - own[1].mean())
        rows += [
            Row(f"{place}-{seed}", "mlp", {"learning_rate": 0.1 * place}, seed, "completed",
                100.0, 100.0 - gap, gap, {"region_count": 1.0 + count})
            for seed, (count, gap) in enumerate(own.T.tolist())
        ]  # fmt: skip
    found = analyze(rows, bootstrap_samples=10).networks["mlp"].count.correlation_over_seeds
    expected = stats.pearsonr(np.concatenate(x), np.concatenate(y)).statistic
    assert found.value == pytest.approx(expected)
    assert found.interval.low < expected < found.interval.high


def test_seeds_of_one_setting_are_correlated_though_settings_are_too_few():
    """The interval is that of Fisher's z but for the bootstrap's own noise."""
    random = np.random.default_rng(8)
    count = random.standard_normal(80)
    gap = 0.5 * count + random.standard_normal(80)
    rows = [
        Row(f"{seed}", "mlp", {"learning_rate": 0.1}, seed, "completed",
            100.0, 90.0 - y, 10.0 + y, {"region_count": 5.0 + x})
        for seed, (x, y) in enumerate(zip(count.tolist(), gap.tolist(), strict=True))
    ]  # fmt: skip
    found = analyze(rows, bootstrap_samples=2000).networks["mlp"].count
    assert found.pearson.undefined is Undefined.FEW_SETTINGS
    expected = stats.pearsonr(count, gap)
    fisher = expected.confidence_interval(0.95)
    over_seeds = found.correlation_over_seeds
    assert over_seeds.value == pytest.approx(expected.statistic)
    assert over_seeds.interval == pytest.approx((fisher.low, fisher.high), abs=0.04)
    assert over_seeds.chance.p == pytest.approx(expected.pvalue, abs=0.004)


def test_correction_for_noise_finds_the_relation_without_it():
    """True r of settings 0.8; averages over three noisy seeds show about 0.6."""
    random = np.random.default_rng(4)
    plain, corrected, held = [], [], 0
    for seed in range(60):
        means = random.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=60)
        x, y = (means[:, [i]] + random.standard_normal((60, 3)) for i in (0, 1))
        known = np.ones(x.shape, bool)
        found = noise_corrected(x, y, known, samples=200, confidence=0.95, seed=seed)
        plain.append(stats.pearsonr(x.mean(axis=1), y.mean(axis=1)).statistic)
        corrected.append(found.value)
        held += found.interval.holds(0.8)
    assert np.mean(plain) < 0.65
    assert np.mean(corrected) == pytest.approx(0.8, abs=0.02)
    assert held >= 52


@pytest.mark.parametrize(
    ("seed", "runs", "noise"), [(0, 1, 1.0), (1, 3, 3.0), (2, 4, 0.1), (3, 2, 1.0)]
)
def test_no_interval_excludes_its_estimate(seed, runs, noise):
    random = np.random.default_rng(seed)
    rows = [
        Row(f"{rate}-{size}-{run}", "mlp", {"learning_rate": 10.0**-rate, "batch_size": 2**size},
            run, "completed", 100.0, 90.0 - gap, 10.0 + gap, {"region_count": count})
        for rate in range(3)
        for size in range(3)
        for run in range(runs)
        for gap in [float(rate - size + noise * random.standard_normal())]
        for count in [float(9 + rate + noise * random.standard_normal())]
    ]  # fmt: skip
    network = analyze(rows, bootstrap_samples=50).networks["mlp"]
    for outcome in network.outcomes.values():
        for measure in (*outcome.measures.values(), outcome.trivial):
            for name, found in measure.estimates().items():
                if found.value is not None and found.interval is not None:
                    assert found.interval.holds(found.value), name


def halved_rows(noise, settings=200):
    """True r of count and gap is 0.8; slices and test examples add noise of their own."""
    random = np.random.default_rng(7)
    rows = []
    for place in range(settings):
        count, other = random.standard_normal(2)
        gap = 0.8 * count + 0.6 * other
        slices, examples = noise * random.standard_normal((2, 2))
        (a, b), (c, d) = 10 + count + slices, 20 + gap + examples
        rows.append(
            Row(
                f"{place}", "mlp", {"learning_rate": 1.0 + place}, 0, "completed", 100.0,
                100 - (c + d) / 2, (c + d) / 2, {"region_count": (a + b) / 2},
                halves={"region_count": (a, b), "test_accuracy": (100 - c, 100 - d)},
            )
        )  # fmt: skip
    return rows


def test_halves_tell_the_reliability_and_the_correlation_without_noise():
    found = split_halves(
        StudyRows(halved_rows(noise=1.0)).networks[0].settings, "generalization_gap", Options(200)
    )
    # Noise of variance 1 in a half is one of 1/2 in both, beside a variance of 1.
    assert found.count.interval.holds(1 / 1.5)
    assert found.outcome.interval.holds(1 / 1.5)
    assert found.corrected.value == pytest.approx(0.8, abs=0.1)
    assert found.corrected.interval.holds(0.8)
    a, b = np.array([row.halves["region_count"] for row in halved_rows(1.0)]).T
    expected = np.cov(a, b)[0, 1] / np.var((a + b) / 2, ddof=1)
    assert found.count.value == pytest.approx(expected, rel=1e-6)


def test_without_halves_nothing_is_corrected():
    rows = halved_rows(noise=0.0, settings=20)
    plain = [dataclasses.replace(row, halves={}) for row in rows]
    assert analyze(plain, bootstrap_samples=10).networks["mlp"].gap.halves is None
    network = analyze(rows, bootstrap_samples=10).networks["mlp"]
    assert network.gap.halves.corrected.value == pytest.approx(network.count.pearson.value)
    slices_alone = [
        dataclasses.replace(row, halves={"region_count": row.halves["region_count"]})
        for row in rows
    ]
    halves = analyze(slices_alone, bootstrap_samples=10).networks["mlp"].gap.halves
    assert halves.count.value == pytest.approx(1)
    assert halves.outcome.undefined


def test_joint_regression_is_that_of_its_definition():
    random = np.random.default_rng(8)
    x = random.standard_normal((12, 3)) @ [[1, 0.9, 0], [0, 0.3, 0], [0, 0, 1]]
    y = x @ [1.0, 0.2, 0.5] + 0.3 * random.standard_normal(12)
    names = ("region_count", "region_count: planes", "output_margin")
    rows = [
        Row(f"{place}", "mlp", {"learning_rate": 1.0 + place}, 0, "completed", 100.0,
            90.0 - gap, 10.0 + gap, dict(zip(names, (10 + values).tolist(), strict=True)))
        for place, (values, gap) in enumerate(zip(x, y, strict=True))
    ]  # fmt: skip
    found = analyze(rows, bootstrap_samples=10).networks["mlp"].joint

    def r2(columns, outcome):
        with_constant = np.column_stack([np.ones(12), columns])
        left = outcome - with_constant @ np.linalg.lstsq(with_constant, outcome, rcond=None)[0]
        return 1 - np.var(left) / np.var(outcome)

    assert found.r2 == pytest.approx(r2(x, y))
    for place, share in enumerate(found.shares):
        others = np.delete(x, place, axis=1)
        assert share.measure == names[place]
        assert share.partial_r2 == pytest.approx((r2(x, y) - r2(others, y)) / (1 - r2(others, y)))
        assert share.inflation == pytest.approx(1 / (1 - r2(others, x[:, place])))
    # A measure that the others determine has no share of its own.
    doubled = [
        dataclasses.replace(row, measures={**row.measures, "output_margin": 2 * row.count})
        for row in rows
    ]
    assert analyze(doubled, bootstrap_samples=10).networks["mlp"].joint is None
