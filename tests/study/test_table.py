"""External tables: what is read, and one clear line for what cannot be."""

import pytest

from rcjax.errors import UserError
from rcjax.study.table import read_table

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
    assert row.measures == {"region_count": 3.0}  # the norm is unknown


def test_a_run_without_accuracies_is_missing_and_named(tmp_path):
    rows = read(tmp_path, HEADER, LINE, "mlp,0.1,1,,,2.5,7", "", "mlp,0.1,2,100,89,2.4,nan")
    assert [row.status for row in rows] == ["completed", "missing", "completed"]
    assert [row.name for row in rows] == ["row 2", "row 3", "row 5"]
    assert rows[2].measures == {"region_count": 2.4}


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
        ([HEADER, "mlp,0.1,1,100,90,2.5,large"], "row 2 .* norm.* 'large'"),
        ([HEADER, "mlp,0.1,1,100,90,0.5,7"], "region_count.* at least 1"),
        ([HEADER, "mlp,0.1,half,100,90,2.5,7"], "column seed: must be a number"),
        ([HEADER, "mlp,0.1,0.5,100,90,2.5,7"], "column seed: must be a whole number"),
        ([HEADER, "mlp,0.1,0,101,90,2.5,7"], "row 2 .* train_accuracy.* 0 to 100, got 101"),
        ([HEADER, "mlp,0.1,0,1.0,0.9,2.5,7"], "fractions"),
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


def test_what_is_no_table_at_all(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(UserError, match="Is a directory"):
        read_table(tmp_path)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x00\xff\xfe")
    with pytest.raises(UserError, match="not a table"):
        read_table(tmp_path / "picture.png")
