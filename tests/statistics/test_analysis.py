"""From rows to the content of a report: what is said where numbers are missing."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcjax.errors import UserError
from rcjax.statistics import Row, analyze
from rcjax.statistics.study_rows import identity

from ..report.report_json import report_json
from .published_runs import lines

QUICK = {"bootstrap_samples": 50}


def study(rates=(0.1, 0.01, 0.001), sizes=(32, 64), decays=(0.0, 1e-3), seeds=2, network="mlp"):
    """Rows of a complete grid; count and gap rise with log(batch size / learning rate)."""
    random = np.random.default_rng(0)
    rows = []
    for rate in rates:
        for size in sizes:
            for decay in decays:
                for seed in range(seeds):
                    signal = np.log(size / rate)
                    gap = float(signal + random.standard_normal())
                    count = float(2 + signal / 5 + 0.2 * random.standard_normal())
                    rows.append(
                        Row(
                            f"{network}-{len(rows)}", network,
                            {"learning_rate": rate, "batch_size": size, "weight_decay": decay},
                            seed, "completed", 100.0, 100.0 - gap, gap, {"region_count": count},
                        )
                    )  # fmt: skip
    return rows


def analyzed(rows, **options):
    """The report, which JSON must be able to hold, and the entry of its network."""
    report = report_json(analyze(rows, **{**QUICK, **options}))
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    return report, report["networks"].get("mlp")


def notes_about(network, *words):
    return [note for note in network["notes"] if all(word in note for word in words)]


def test_every_statistic_has_a_value_a_null_and_a_trivial_predictor():
    _, network = analyzed(study())
    assert (network["settings"], network["runs"]) == (12, 24)
    for key in ("pearson", "spearman", "kendall", "partial_correlation"):
        assert -1 <= network[key] <= 1
        low, high = network[f"{key}_interval"]
        assert -1 <= low < high <= 1
        assert network["null"][key] == pytest.approx(0, abs=0.05)
        low, high = network["null"][f"{key}_interval"]
        assert low < -0.3
        assert high > 0.3
    axes = {"learning_rate", "batch_size", "weight_decay", "mean"}
    for entry in (network, network["null"], network["trivial_predictor"]):
        assert set(entry["granulated_kendall"]) == axes
        assert 0 <= entry["conditional_mutual_information"] <= 100
    assert network["trivial_predictor"]["pearson"] > 0.8
    for measures in network["outcomes"].values():
        assert set(measures) == {"region_count", "trivial_predictor", "null"}


def test_same_rows_and_seed_give_the_same_report():
    first, _ = analyzed(study(), seed=1)
    assert analyzed(study(), seed=1)[0] == first
    other = analyzed(study(), seed=2)[0]["networks"]["mlp"]
    assert other["pearson"] == first["networks"]["mlp"]["pearson"]
    assert other["pearson_interval"] != first["networks"]["mlp"]["pearson_interval"]


def test_a_measure_changes_nothing_of_the_others():
    alone = analyzed(study())[1]["outcomes"]["test_error"]
    with_norm = [replace(row, measures={"norm": row.test_error, **row.measures}) for row in study()]
    together = analyzed(with_norm)[1]["outcomes"]["test_error"]
    assert together.pop("norm")["pearson"] == pytest.approx(1)
    assert together == alone


@settings(max_examples=3, deadline=None, derandomize=True)
@given(st.randoms(use_true_random=False))
def test_coefficients_do_not_depend_on_the_order_of_rows(random):
    rows = study()
    expected = analyzed(rows)[1]
    random.shuffle(rows)
    found = analyzed(rows)[1]
    for key in ("pearson", "spearman", "kendall", "granulated_kendall", "partial_correlation"):
        assert found[key] == pytest.approx(expected[key])
    information = "conditional_mutual_information"
    assert found[information] == pytest.approx(expected[information])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_too_few_settings_are_said_and_no_numbers_given(number):
    rows = study(rates=(0.1, 0.01)[:number], sizes=(32,), decays=(0.0,))
    _, network = analyzed(rows or [replace(study()[0], status="missing")])
    assert network["pearson"] is None
    assert network["kendall_interval"] is None
    assert network["granulated_kendall"]["mean"] is None
    assert network["null"]["pearson"] is None
    assert network["trivial_predictor"]["spearman"] is None
    assert notes_about(network, "region count", "at least 3 settings", f"there are {number}")


def test_a_study_without_rows_is_an_empty_report():
    report, _ = analyzed([])
    assert report["networks"] == {}
    assert report["runs"] == []


def test_constant_columns_are_said():
    rows = study()
    same_count = [replace(row, measures={"region_count": 1.0}) for row in rows]
    _, network = analyzed(same_count)
    assert network["pearson"] is None
    assert notes_about(network, "region count", "the measure is constant")
    assert network["trivial_predictor"]["pearson"] is not None
    same_gap = [
        replace(
            row, generalization_gap=0.1 + 0.2, measures={**row.measures, "norm": row.test_error}
        )
        for row in rows
    ]
    _, network = analyzed(same_gap)
    assert network["pearson"] is None
    assert network["null"]["pearson"] is None
    assert network["outcomes"]["test_error"]["region_count"]["pearson"] is not None
    (note,) = notes_about(network, "the outcome is constant")
    assert note.startswith("generalization gap: the outcome")
    assert note.endswith("(region count, norm, log(batch size / learning rate))")


def test_an_incomplete_grid_has_all_statistics():
    rows = [row for row in study() if row.settings != study()[0].settings]
    _, network = analyzed(rows)
    assert 0 <= network["conditional_mutual_information"] <= 100
    assert network["null"]["conditional_mutual_information"] > 0
    assert network["granulated_kendall"]["mean"] is not None
    assert notes_about(network, "incomplete", "11 of 12", "weighs its cells")


def test_grids_of_one_and_two_hyperparameters():
    _, network = analyzed(study(sizes=(32,)))
    assert network["conditional_mutual_information"] is not None
    assert notes_about(network, "given one, not two")
    _, network = analyzed(study(sizes=(32,), decays=(0.0,)))
    assert network["conditional_mutual_information"] is None
    assert notes_about(network, "fewer than two hyperparameters")
    assert set(network["granulated_kendall"]) == {"learning_rate", "mean"}


def test_unknown_or_constant_learning_rate_and_batch_size():
    unknown = [replace(row, settings={"depth": row.settings["batch_size"]}) for row in study()]
    unknown += [replace(unknown[0], settings={"depth": 96}), replace(unknown[1], name="another")]
    _, network = analyzed(unknown)
    assert network["trivial_predictor"]["pearson"] is None
    assert network["partial_correlation"] is None
    assert notes_about(network, "log(batch size / learning rate): not known")
    assert notes_about(network, "region count", "no partial correlation")
    _, network = analyzed(study(sizes=(32,)))
    assert network["partial_correlation"] is not None  # given the learning rate
    assert network["trivial_predictor"]["pearson"] is not None


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("batch_size", None, "unknown"),
        ("learning_rate", 0, "0"),
        ("learning_rate", "warm", "'warm'"),
    ],
)
def test_a_control_without_logarithm_leaves_no_partial_correlation(name, value, shown):
    rows = study()
    for place in (4, 5):  # the two runs of one setting
        rows[place] = replace(rows[place], settings={**rows[place].settings, name: value})
    _, network = analyzed(rows)
    for key in ("partial_correlation", "partial_rank_correlation"):
        assert network[key] is None
        assert network["null"][key] is None
    assert network["partial_correlation_interval"] is None
    assert network["partial_correlation_within_cells"] is None
    assert network["controls"] == []
    text = f"{name} varies but is no positive number in 1 of 12 settings (it is {shown} in the"
    assert notes_about(network, "region count", text, "no partial correlation")
    assert network["pearson"] is not None


def test_the_controls_are_named():
    assert analyzed(study())[1]["controls"] == ["learning_rate", "batch_size"]
    assert analyzed(study(rates=(0.1,)))[1]["controls"] == ["batch_size"]


def test_runs_without_numbers_are_listed_never_dropped_silently():
    rows = study()
    rows[0] = replace(rows[0], status="diverged", train_accuracy=None, test_accuracy=None,
                      generalization_gap=None, measures={})  # fmt: skip
    rows[5] = replace(rows[5], status="damaged", message="record.json ends early")
    rows[7] = replace(rows[7], status="missing")
    report, network = analyzed(rows)
    assert report["listed"] == {
        "diverged": ["mlp-0"], "damaged": ["mlp-5"], "missing": ["mlp-7"], "not_fitted": [],
        "collapsed": [],
    }  # fmt: skip
    assert (network["settings"], network["runs"]) == (12, 21)
    for status in ("diverged", "damaged", "missing"):
        assert notes_about(network, f"1 of 24 runs {status}")
    assert len(report["runs"]) == 24
    assert report["runs"][5]["message"] == "record.json ends early"
    assert notes_about(network, "1 to 2 completed runs")


def test_runs_that_did_not_fit_stay_and_the_headline_is_repeated_without_them():
    rows = study()
    for place in (0, 1, 9):
        rows[place] = replace(rows[place], train_accuracy=70.0, generalization_gap=-5.0)
    report, network = analyzed(rows, fitted_accuracy=90.0)
    assert report["listed"]["not_fitted"] == ["mlp-0", "mlp-1", "mlp-9"]
    assert (network["settings"], network["runs"]) == (12, 24)
    fitted = network["fitted_only"]
    assert (fitted["settings"], fitted["runs"]) == (11, 21)
    kept = [row for row in rows if row.train_accuracy == 100.0]
    assert fitted["pearson"] == analyzed(kept)[1]["pearson"]
    assert analyzed(rows, fitted_accuracy=70.0)[1]["fitted_only"] is None


def test_unknown_values_of_single_runs_are_left_out_and_counted():
    rows = [
        replace(row, measures={**row.measures, "norm": 1.0 * i}) for i, row in enumerate(study())
    ]
    for place, value in ((0, float("nan")), (1, float("inf")), (4, None)):
        rows[place] = replace(rows[place], measures={**rows[place].measures, "norm": value})
    report, network = analyzed(rows)
    norm = network["outcomes"]["generalization_gap"]["norm"]
    assert (norm["settings"], norm["runs"]) == (11, 21)
    assert (network["settings"], network["runs"]) == (12, 24)
    assert notes_about(
        network, "norm: 3 of 24 completed runs have no finite value", "mlp-0, mlp-1, mlp-4"
    )
    assert report["runs"][0]["measures"]["norm"] is None


def test_repeated_rows_are_noted():
    rows = study()
    _, network = analyzed([*rows, replace(rows[3], name="copy")])
    assert notes_about(network, "mlp-3, copy", "same numbers")
    other = replace(rows[3], name="other", measures={"region_count": 9.0})
    _, network = analyzed([*rows, other])
    assert notes_about(network, "mlp-3, other", "one seed")
    assert not notes_about(analyzed(rows)[1], "one seed")


def test_what_weakens_the_numbers_is_said():
    _, network = analyzed(study(seeds=1))
    assert notes_about(network, "one run per setting", "nothing can be said over seeds alone")
    _, network = analyzed(study(rates=(0.1,)))
    assert notes_about(network, "region count", "4 settings are too few to take out every")
    assert analyze(study(rates=(0.1,)), **QUICK).study.fixed["learning_rate"] == 0.1
    by_setting = [
        replace(row, measures={**row.measures, "norm": float(row.settings["batch_size"])})
        for row in study()
    ]
    _, network = analyzed(by_setting)
    assert notes_about(network, "norm: the same for all seeds of each setting")
    assert notes_about(network, "norm: within the combinations of", "nothing is left to correlate")
    assert not notes_about(network, "log(batch size", "nothing is left")
    random = np.random.default_rng(5).standard_normal(24) + 5
    noise = [
        replace(row, measures={"region_count": value})
        for row, value in zip(study(), random.tolist(), strict=True)
    ]
    _, network = analyzed(noise)
    said = " ".join(network["findings"])
    assert "no clear relation" in said
    assert "In random order the same counts reach as much" in said
    assert "does as well or better" in said or "does better" in said
    mixed = [replace(row, versions={"jax": f"0.{row.seed}"}) for row in study()]
    report, network = analyzed(mixed)
    assert notes_about(network, "2 different sets of versions")
    assert report["versions"] == [{"jax": "0.0", "runs": 12}, {"jax": "0.1", "runs": 12}]


def test_networks_are_apart_and_pooled():
    rows = [*study(), *study(network="vgg")]
    report, network = analyzed(rows)
    assert network["pearson"] == report["networks"]["vgg"]["pearson"]
    pooled = report["pooled"]["generalization_gap"]["region_count"]
    assert (pooled["settings"], pooled["pearson"]) == (24, pytest.approx(network["pearson"]))
    assert analyzed(study())[0]["pooled"] is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bootstrap_samples": 1}, "bootstrap_samples must be 10 or more; got 1"),
        ({"confidence": 95.0}, "confidence must be between 0 and 1, as 0.95; got 95"),
        ({"fitted_accuracy": 101.0}, "fitted_accuracy must be a percentage; got 101"),
    ],
)
def test_options_out_of_range(options, words):
    with pytest.raises(UserError, match=words):
        analyze(study(), **{**QUICK, **options})


def test_values_of_hyperparameters_are_told_apart():
    values = [0, 1.5, True, False, "a", "1.5", None, (1, 2), [1, 3]]
    assert len({identity(value) for value in values}) == len(values)
    unknown = [replace(row, settings={**row.settings, "depth": float("nan")}) for row in lines()]
    assert analyze(unknown, **QUICK).networks["resnet18"].count.settings == 27
    rows = [replace(row, settings={**row.settings, "extent": [0, 1.0]}) for row in lines()]
    rows[::2] = [replace(row, settings={**row.settings, "extent": (0.0, 1)}) for row in rows[::2]]
    assert analyze(rows, **QUICK).networks["resnet18"].count.settings == 27
