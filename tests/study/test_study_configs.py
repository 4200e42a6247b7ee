"""Every config of a study, in every size: all runs of its grid are checked."""

import runpy
from pathlib import Path

import pytest

from rcjax.configuration import load_config
from rcjax.study.validation import check_study

REPOSITORY = Path(__file__).resolve().parents[2]


def is_study(path):
    return load_config(str(path)).get("experiment", None) == "study"


STUDIES = [path for path in sorted((REPOSITORY / "configs").glob("*.py")) if is_study(path)]


def sizes():
    """All `FILE:SIZE` of all studies."""
    for path in STUDIES:
        yield f"configs/{path.name}"
        for size in runpy.run_path(str(path)).get("_SIZES", ("quick",)):
            yield f"configs/{path.name}:{size}"


@pytest.mark.parametrize(("size", "points"), [("", 200), (":cifar10", 200), (":quick", 20)])
def test_wider_extents_keep_the_spacing_of_points(size, points):
    variants = load_config(f"configs/ablations.py{size}").to_dict()["variants"]
    wider = [fields for name, fields in variants.items() if name.startswith("extent_")]
    assert wider
    for fields in wider:
        low, high = fields["extent"]
        assert (high - low) / (fields["points"] - 1) == pytest.approx(1 / (points - 1))


@pytest.mark.parametrize("argument", list(sizes()))
def test_all_runs_of_every_size_are_valid(argument):
    config = load_config(argument).to_dict()
    for axis in config["grid"].get("classifier", {}):
        # The first and last value of each: scikit-learn takes its time over hundreds of forests.
        values = config["grid"]["classifier"][axis]
        config["grid"]["classifier"][axis] = values[:1] + values[1:][-1:]
    runs = check_study(config)
    assert len({run.name for run in runs}) == len(runs)
    if argument.endswith(":quick"):
        assert len(runs) <= 12
        assert {run.config["dataset"] for run in runs} <= {"digits", "synthetic"}  # no download
