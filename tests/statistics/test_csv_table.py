"""External tables: what is read, and one clear line for what cannot be."""

import os
from math import nan

import pytest

from rcjax.errors import UserError
from rcjax.measures import NAMES as MEASURES
from rcjax.report.notes import notes
from rcjax.statistics import StudyRows, analyze
from rcjax.statistics.csv_columns import HYPERPARAMETERS, meant
from rcjax.statistics.csv_table import read_table

from .published_runs import LINES

HEADER = "network,learning_rate,seed,train_accuracy,test_accuracy,region_count,norm"
LINE = "mlp,0.1,0,100,90,2.5,7"


def read(tmp_path, *lines):
    file = tmp_path / "runs.csv"
    file.write_text("\n".join(lines) + "\n")
    return read_table(file)


def test_the_authors_columns():
    rows = read_table(LINES)
    assert len(rows) == 232
    first = rows[0]
    assert (first.name, first.network, first.seed) == ("row 2", "resnet18", None)
    assert first.settings == {"learning_rate": 0.1, "batch_size": 256, "weight_decay": 1e-5}
    assert first.generalization_gap == 16.82
    assert first.measures == {"region_count": 2.72}  # the last of the counted epochs
    assert [entry["epoch"] for entry in first.history] == [0, 100, 200]
    assert first.history[0]["region_count"]["mean"] == 1.89


def test_other_columns_are_measures_and_known_names_are_settings(tmp_path):
    header = "name,network,optimizer,epochs,train_accuracy,test_accuracy,region_count,path_norm"
    header += ",generalization_gap"  # follows from the accuracies, so it is no measure
    (row,) = read(tmp_path, header, "best,mlp,sgd,20,99.5,90,3,,9.5")
    assert row.name == "best"
    assert row.settings == {"optimizer": "sgd", "epochs": 20}
    assert row.measures == pytest.approx({"region_count": 3.0, "path_norm": nan}, nan_ok=True)


def test_a_run_without_accuracies_is_missing_and_named(tmp_path):
    rows = read(tmp_path, HEADER, LINE, "mlp,0.1,1,,,2.5,7", "", "mlp,0.1,2,100,89,2.4,nan")
    assert [row.status for row in rows] == ["completed", "missing", "completed"]
    assert [row.name for row in rows] == ["row 2", "row 3", "row 5"]
    assert rows[2].measures == pytest.approx({"region_count": 2.4, "norm": nan}, nan_ok=True)


def test_a_measure_without_any_value_is_noted(tmp_path):
    rows = read(
        tmp_path, HEADER, *(f"mlp,0.{rate},0,100,9{rate},2.{rate}," for rate in range(1, 5))
    )
    network = analyze(rows, bootstrap_samples=10).networks["mlp"]
    assert any(
        note.startswith("norm: 4 of 4 completed runs have no") for note in notes(network, 99.0)
    )
    assert network.count.pearson.value is not None


def test_unknown_hyperparameters_are_one_value(tmp_path):
    rows = read(
        tmp_path,
        HEADER,
        *(f"mlp,{text},{i},100,90,2.5,7" for i, text in enumerate(("nan", "", "NaN"))),
    )
    assert [row.settings for row in rows] == [{"learning_rate": None}] * 3
    assert len(StudyRows(rows).networks[0].settings) == 1


def test_hyperparameters_of_classical_classifiers_are_settings(tmp_path):
    (row,) = read(tmp_path, HEADER.replace("norm", "classifier.C"), LINE)
    assert row.settings["classifier.C"] == 7


def test_a_run_may_be_said_to_have_diverged(tmp_path):
    lines = [f"{LINE},", "mlp,0.1,1,1,1,,,diverged", f"{LINE},completed", "mlp,0.1,2,,,,,"]
    rows = read(tmp_path, HEADER + ",status", *lines)
    assert [row.status for row in rows] == ["completed", "diverged", "completed", "missing"]
    assert [bool(row.message) for row in rows] == [False, False, False, True]
    assert len(StudyRows(rows).networks[0].settings[0].rows) == 2
    # One percent, of a run that learned nothing, is no fraction.
    assert read(tmp_path, HEADER + ",status", "mlp,0.1,1,1,1,,,Diverged")[0].train_accuracy == 1


@pytest.mark.parametrize("aliased", ["lr", "LR", "learning rate", "Learning-Rate", "init_lr"])
def test_other_names_of_known_columns_are_refused(tmp_path, aliased):
    header = HEADER.replace("learning_rate", aliased)
    with pytest.raises(UserError, match=f'rename column "{aliased}" to learning_rate'):
        read(tmp_path, header, LINE)
    with pytest.raises(
        UserError, match=f'"{aliased}" and learning_rate.* remove column "{aliased}"'
    ):
        read(tmp_path, f"{HEADER},{aliased}", f"{LINE},1")


def test_names_that_are_nearly_known_name_what_they_mean():
    known = {"bs": "batch_size", "batchsize": "batch_size", "wd": "weight_decay", "Seed": "seed",
             "Test Accuracy": "test_accuracy", "gap": "generalization_gap", "model": "network",
             "Regions_Epoch_5": "regions_epoch_N, with the number of the epoch for N"}  # fmt: skip
    assert {name: meant(name) for name in known} == known
    own = [*MEASURES, *HYPERPARAMETERS, "regions_epoch_5", "train_loss", "l2", "rho", "steps"]
    assert [name for name in own if meant(name)] == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([""], "is empty"),
        ([HEADER], "no runs"),
        (["network;train_accuracy", "mlp;1"], "commas"),
        (["network,train_accuracy", "mlp,100"], "lacks the columns test_accuracy, region_count"),
        (["train_accuracy,test_accuracy,regions_epoch_5", "1,2,3"], r"network \(or architecture\)"),
        ([HEADER + ",norm", LINE + ",1"], "several columns called norm"),
        ([HEADER + ",", LINE + ",1"], "column 8 .* has no name"),
        ([HEADER + ",architecture", LINE + ",mlp"], "keep one"),
        ([HEADER, LINE + ",8"], "row 2 .* 8 cells .* 7 columns"),
        ([HEADER, LINE, "mlp,0.1,1,100,ninety,2.5,7"], "row 3 .* test_accuracy.* 'ninety'"),
        (
            [HEADER, "mlp,0.1,1,100,90,2.5,large"],
            "row 2 .* norm: .* no hyperparameter, got 'large'",
        ),
        ([HEADER, "mlp,0.1,1,100,90,0.5,7"], "region_count.* at least 1"),
        ([HEADER, "mlp,0.1,half,100,90,2.5,7"], "column seed: must be a number"),
        ([HEADER, "mlp,0.1,0.5,100,90,2.5,7"], "column seed: must be a whole number"),
        ([HEADER, "mlp,0.1,0,101,90,2.5,7"], "row 2 .* train_accuracy.* 0 to 100, got 101"),
        ([HEADER, "mlp,0.1,0,1.0,0.9,2.5,7"], "fractions"),
        (
            [HEADER, LINE, "vgg,0.1,0,99,0.9,2.5,7", "vgg,0.2,0,100,0.1,2.5,7"],
            "column test_accuracy .* at most 0.9 for network vgg, that looks like fractions",
        ),
        ([HEADER, LINE, "vgg,0.1,0,1.0,90,2.5,7"], "column train_accuracy .* network vgg"),
        ([HEADER, "mlp,0.1,inf,100,90,2.5,7"], "row 2 .* column seed: must be a whole number"),
        ([HEADER, "mlp,inf,0,100,90,2.5,7"], "row 2 .* column learning_rate: .* got 'inf'"),
        ([HEADER, f"mlp,{'1' * 400},0,100,90,2.5,7"], r"learning_rate: .* got '1{60}\.\.\.'$"),
        ([HEADER, f"mlp,0.1,{'1' * 400},100,90,2.5,7"], r"column seed: .* got '1{60}\.\.\.'$"),
        ([HEADER + ",name", LINE + ",a", LINE + ",b", LINE + ",a"], "row 2 and row 4 .* 'a'"),
        ([HEADER + ",name", LINE + ",row 3", LINE + ","], "row 2 and row 3 .* 'row 3'"),
        ([HEADER + ",status", LINE + ",failed"], "row 2 .* status: must be .* got 'failed'"),
        ([HEADER + ",status", "mlp,0.1,0,,,2.5,7,completed"], "column status: without its acc"),
        (
            [f"{HEADER},regions_epoch_1,regions_epoch_01", f"{LINE},2,3"],
            "regions_epoch_1 and regions_epoch_01, which are of the same epoch",
        ),
        ([HEADER + ",null", LINE + ",1"], "column null"),
        ([HEADER + ",test_error", LINE + ",7"], "test_error: the accuracies .* give 10 .* got '7'"),
        ([HEADER, ",0.1,0,100,90,2.5,7"], "row 2 names no network"),
        ([HEADER, '"mlp,0.1,0,100,90,2.5,7'], "not a table"),
    ],
)
def test_bad_tables_are_refused_in_one_line(tmp_path, lines, words):
    with pytest.raises(UserError, match=words) as caught:
        read(tmp_path, *lines)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("Unnamed: 0", "531"), ("index", "987"), ("id", "abc"), ("level_0", "222"), ("#", "745"),
        ("Row", "111"), ("line number", "321"), ("trial", "012"), ("whatever", "123"),
    ],
)  # fmt: skip
def test_columns_that_number_the_lines_are_no_measures(tmp_path, column, cells):
    lines = [f"{cell},{LINE}" for cell in cells]
    with pytest.raises(UserError, match=r"numbers its lines .* to_csv\(index=False\)"):
        read(tmp_path, f"{column},{HEADER}", *lines)


@pytest.mark.parametrize(
    ("column", "cells"),
    [("seed", "012"), ("name", "123"), ("epochs", "123"), ("rank", "021"), ("depth", "01")],
)
def test_first_columns_that_mean_something_stay(tmp_path, column, cells):
    header = HEADER.replace("seed", "momentum")
    rows = read(tmp_path, f"{column},{header}", *(f"{cell},{LINE}" for cell in cells))
    assert len(rows) == len(cells)


def test_line_of_excel_that_names_the_separator(tmp_path):
    assert read(tmp_path, "sep=,", HEADER, LINE)[0].network == "mlp"
    assert read(tmp_path, "\ufeffsep=,", HEADER, LINE)[0].network == "mlp"
    with pytest.raises(UserError, match="separate the columns with commas"):
        read(tmp_path, "sep=;", HEADER.replace(",", ";"), LINE.replace(",", ";"))


def test_what_is_no_table_at_all(tmp_path):
    read(tmp_path, HEADER, LINE)
    with pytest.raises(UserError, match="No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(UserError, match="Is a directory"):
        read_table(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(UserError, match="a FIFO instead of a file"):
        read_table(tmp_path / "fifo")
    with pytest.raises(UserError, match="a device instead of a file"):
        read_table("/dev/zero")
    os.truncate(tmp_path / "runs.csv", 2**28 + 1)  # takes no room
    with pytest.raises(UserError, match="more than 268,435,456 bytes"):
        read_table(tmp_path / "runs.csv")
    (tmp_path / "wide.csv").write_text(f"{HEADER}\n{LINE}\n", encoding="utf-16")
    with pytest.raises(UserError, match="not a table of comma-separated values in UTF-8"):
        read_table(tmp_path / "wide.csv")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x00\xff\xfe")
    with pytest.raises(UserError, match="not a table"):
        read_table(tmp_path / "picture.png")


def test_names_with_control_characters_are_refused_and_shown_escaped(tmp_path):
    for header, line in (
        ("network,train_accuracy,test_accuracy,region_count,a\x1b[31mb", "mlp,100,90,2,1"),
        ("network,train_accuracy,test_accuracy,region_count", "m\x00lp,100,90,2"),
        ("network,name,train_accuracy,test_accuracy,region_count", '"mlp","a\nb",100,90,2'),
    ):
        with pytest.raises(UserError) as caught:
            read(tmp_path, header, line)
        assert str(caught.value).isprintable()


def test_tables_that_are_too_wide_are_refused_at_once(tmp_path):
    with pytest.raises(UserError, match="has 50000 columns"):
        read(tmp_path, ",".join(f"c{i}" for i in range(50_000)), "1")
