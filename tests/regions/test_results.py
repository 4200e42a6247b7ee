"""Results in files, tables, texts and JAX transformations."""

import contextlib
import dataclasses
import json
import os
import sys
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rcjax.errors import UserError
from rcjax.regions import PlaneRegions, RegionCounts

SHARED = {"extent": (0.0, 2.0), "connectivity": "full", "evaluations": 40}


def segments() -> RegionCounts:
    return RegionCounts(
        counts=np.array([1, 3], np.int32), method="adaptive", dim=1, points=8193,
        lengths=np.array([0.0, 2.5]), boundaries=(np.zeros(0), np.array([0.5, 1.5])),
        region_labels=(np.array([7]), np.array([7, 2, 7])), score_kind="steps", **SHARED,
    )  # fmt: skip


def planes() -> RegionCounts:
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    one, three = (
        PlaneRegions(
            labels=np.arange(n), sizes=np.ones(n), shares=np.ones(n) / n, perimeters=np.ones(n),
            neighbours=np.array([[i, i + 1] for i in range(n - 1)], np.int64).reshape(-1, 2),
            boundaries=np.ones((n - 1, 2, 2)), polygons=[[square] * (i + 1) for i in range(n)],
        )
        for n in (1, 3)
    )  # fmt: skip
    return RegionCounts(
        counts=np.array([1, 3], np.int32), method="exact", dim=2, points=0,
        regions=(one, three), linear_regions=np.array([4, 9], np.int32),
        complete=np.array([True, False]), **SHARED,
    )  # fmt: skip


def bare() -> RegionCounts:
    return RegionCounts(counts=np.array([2], np.int32), method="grid", dim=3, points=5, **SHARED)


ALL = pytest.mark.parametrize("result", [segments(), planes(), bare()], ids=lambda r: r.method)


@ALL
def test_what_is_saved_is_read_back_equal(result, tmp_path):
    result.save(tmp_path / "counts")
    again = RegionCounts.load(tmp_path / "counts")
    assert again == result
    assert hash(again) == hash(result)
    assert again != dataclasses.replace(result, counts=result.counts + 1)
    assert again != dataclasses.replace(result, extent=(0.0, 1.0))
    assert [path.name for path in tmp_path.iterdir()] == ["counts"]


@ALL
def test_every_damage_is_one_line_or_does_no_harm(result, tmp_path):
    path = tmp_path / "counts.npz"
    result.save(path)
    whole = path.read_bytes()
    damaged = [whole[:end] for end in range(0, len(whole), 97)]
    for place in range(0, len(whole), 19):
        changed = bytearray(whole)
        changed[place] ^= 0x55
        damaged.append(bytes(changed))
    for content in damaged:
        path.write_bytes(content)
        with contextlib.suppress(UserError):  # whose text is one line by its nature
            assert RegionCounts.load(path) == result


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: None, "cannot be read"),
        (lambda path: path.mkdir(), "cannot be read"),
        (lambda path: path.write_text("text"), "holds no region counts"),
        (lambda path: np.savez(path, images=np.ones(3)), "holds no region counts"),
        (lambda path: np.savez(path, header=np.array('{"format": "other"}')), "no region counts"),
        (lambda path: np.savez(path, header=np.array([None])), "holds no region counts"),
        (
            lambda path: np.savez(
                path, header=np.array('{"format": "rcjax.RegionCounts", "version": 9}')
            ),
            "is of version 9",
        ),
        (
            lambda path: np.savez(
                path, header=np.array('{"format": "rcjax.RegionCounts", "version": 1}')
            ),
            "is damaged",
        ),
    ],
)
def test_other_files_are_refused_in_one_line(write, said, tmp_path):
    path = tmp_path / "counts.npz"
    write(path)
    with pytest.raises(UserError, match=said) as error:
        RegionCounts.load(path)
    assert "\n" not in str(error.value)


EDITED_HEADERS = [
    {"extent": [0]}, {"extent": "ab"}, {"extent": [1, 0]}, {"method": 5}, {"dim": "x"},
    {"dim": 1.5}, {"precision": None}, {"more": 1},
]  # fmt: skip
EDITED_COUNTS = [
    [1, 4], [0, 3], [-1, 3], [1.0, 3.0], [1.0, np.nan], ["1", "3"], [True, True], [1], [[1], [3]],
    [], 1,
]  # fmt: skip


@pytest.mark.parametrize("edited", [*EDITED_HEADERS, *EDITED_COUNTS], ids=str)
def test_edited_results_are_refused(edited, tmp_path):
    path = tmp_path / "counts.npz"
    segments().save(path)
    with np.load(path) as file:
        arrays = dict(file)
    if isinstance(edited, dict):
        arrays["header"] = np.array(json.dumps(json.loads(str(arrays["header"])) | edited))
    else:
        arrays["counts"] = np.array(edited)
    np.savez(path, **arrays)
    with pytest.raises(UserError, match="is damaged"):
        RegionCounts.load(path)


def test_a_small_file_that_unpacks_to_much_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "counts.npz", "w") as archive:
        archive.writestr("header.npy", b"")
        archive.getinfo("header.npy").file_size = 2**28 + 1
    with pytest.raises(UserError, match="more than 100 times as much"):
        RegionCounts.load(tmp_path / "counts.npz")


@pytest.mark.parametrize("name", ["none/counts", ".", "pipe", "x" * 256, "a\0b", "~no-such-user/a"])
def test_what_cannot_be_written_or_read_is_one_line(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    for use in (bare().save, RegionCounts.load):
        with pytest.raises(UserError):
            use(name)
    assert os.listdir() == ["pipe"]


def test_results_are_found_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    bare().save("~/counts")
    assert RegionCounts.load("~/counts") == RegionCounts.load(tmp_path / "counts") == bare()


@ALL
def test_the_dict_is_json_and_holds_every_field(result):
    content = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert {field.name for field in dataclasses.fields(result)} < set(content)
    assert content["counts"] == result.counts.tolist()
    assert content["mean"] == result.mean


def test_tables_hold_a_row_a_slice_and_a_row_a_region():
    frame = segments().to_dataframe()
    assert frame.to_dict("list") == {"slice": [0, 1], "count": [1, 3], "length": [0.0, 2.5]}
    regions = segments().to_dataframe("regions")
    assert regions["slice"].tolist() == [0, 1, 1, 1]
    assert regions["region"].tolist() == [0, 0, 1, 2]
    assert regions["label"].tolist() == [7, 7, 2, 7]
    assert regions["start"].tolist() == [0, 0, 0.5, 1.5]
    assert regions["end"].tolist() == [2, 0.5, 1.5, 2]
    assert regions["length"].tolist() == [0, 1.25, 2.5, 1.25]
    of_planes = planes().to_dataframe("regions")
    assert of_planes["slice"].tolist() == [0, 1, 1, 1]
    assert of_planes.groupby("slice")["share"].sum().tolist() == pytest.approx([1, 1])


def test_a_table_that_cannot_be_made_is_one_line(monkeypatch):
    with pytest.raises(UserError, match="regions=True"):
        bare().to_dataframe("regions")
    with pytest.raises(ValueError, match="got 'points'"):
        bare().to_dataframe("points")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match=r"pip install .rcjax\[pandas\]."):
        bare().to_dataframe()


def test_a_result_says_what_may_be_wrong_with_it():
    text, page = repr(segments()), segments()._repr_html_()
    for shown in (text, page):
        assert "2 ± 1 regions" in shown
        assert "1 of 2 of length zero" in shown
        assert "counts too low" in shown
    assert "1 of 2 incomplete" in repr(planes())
    assert repr(bare()).startswith("RegionCounts: 2 regions on one 3-D slice\n")
    assert len(repr(dataclasses.replace(bare(), counts=np.arange(1, 5000))).splitlines()) < 8


@ALL
def test_results_pass_through_jax(result):
    assert jax.tree.map(lambda leaf: leaf, result) == result
    on_device = jax.jit(lambda r: dataclasses.replace(r, counts=2 * r.counts))(result)
    assert on_device.counts.tolist() == (2 * result.counts).tolist()
    assert on_device.mean == 2 * result.mean
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), bare(), bare())
    assert both.counts.shape == (2, 1)
