"""Every config of a study, in every size: all runs of its grid are checked."""

import json
import re
import runpy
from pathlib import Path

import pytest

from rcjax.config.loading import load_config
from rcjax.regions.arguments import ADAPTIVE_POINTS
from rcjax.report.definition import sentences
from rcjax.statistics import analyze
from rcjax.statistics.csv_table import read_table
from rcjax.statistics.rows import Row
from rcjax.study import run_study
from rcjax.study.plan import plan_study
from rcjax.study.reporting import about_study

from ..data.tiny_imagenet import make_folder
from ..report.report_json import report_json
from .small_studies import UNDRAWN

REPOSITORY = Path(__file__).resolve().parents[2]


def sizes():
    """All `FILE:SIZE` that are a study; a file may have sizes that are single runs beside them."""
    for path in sorted((REPOSITORY / "configs").glob("*.py")):
        for size in ("", *runpy.run_path(str(path)).get("_SIZES", ("quick",))):
            argument = f"configs/{path.name}" + (f":{size}" if size else "")
            if load_config(argument).get("experiment", None) == "study":
                yield argument


SIZES = list(dict.fromkeys(sizes()))


@pytest.mark.parametrize(("size", "points"), [("", 200), (":cifar10", 200), (":quick", 20)])
def test_wider_extents_keep_the_spacing_of_points(size, points):
    variants = load_config(f"configs/ablations.py{size}").to_dict()["variants"]
    wider = [fields for name, fields in variants.items() if name.startswith("extent_")]
    assert wider
    for fields in wider:
        low, high = fields["extent"]
        assert (high - low) / (fields["points"] - 1) == pytest.approx(1 / (points - 1))


@pytest.mark.parametrize("argument", SIZES)
def test_all_runs_of_every_size_are_valid(argument):
    config = load_config(argument).to_dict()
    for axis in config["grid"].get("classifier", {}):
        # The first and last value of each: scikit-learn takes its time over hundreds of forests.
        values = config["grid"]["classifier"][axis]
        config["grid"]["classifier"][axis] = values[:1] + values[1:][-1:]
    runs = plan_study(config).runs
    assert len({run.name for run in runs}) == len(runs)
    if ":quick" in argument:
        assert len(runs) <= 12
        assert {run.config.dataset for run in runs} <= {"digits", "synthetic"}  # no download


@pytest.mark.parametrize(
    ("argument", "runs"),
    [
        ("configs/table1_cifar10.py", 27 * 3),
        ("configs/table1_cifar10.py:nine_networks", 9 * 27 * 3),
        ("configs/hyperparameters.py:learning_rate_and_batch_size", 5 * 3 * 3),
        ("configs/imagenet.py:study", 2 * 2 * 2),
        ("configs/ablations.py:eight_networks_cifar10", 8 * 27),
    ],
)
def test_grids_of_the_paper_have_its_numbers_of_runs(argument, runs):
    assert len(plan_study(load_config(argument).to_dict()).runs) == runs


ABLATIONS = [argument for argument in SIZES if argument.startswith("configs/ablations.py")]


@pytest.mark.parametrize("argument", ABLATIONS)
def test_ablations_count_as_they_say(argument):
    config = load_config(argument).to_dict()
    run = plan_study(config).runs[0]
    variants = run.requested.variants
    if "adaptive" in variants:
        # The limit of finer grids has the resolution of its own, not that of the main count.
        assert variants["adaptive"].points == ADAPTIVE_POINTS[1]
        assert variants["adaptive"].method == "adaptive"
        assert run.config.regions.points < 1000
    lengths = {
        regions.length for regions in variants.values() if regions.sampling == "random_directions"
    }
    assert lengths in (set(), {0.1, 0.5})
    # When the count tells the gap is seen from counts along training.
    counts = run.config.epochs / run.config.regions.every
    question = argument.partition(":")[2].removesuffix("cifar10").removesuffix("_")
    if question in ("", "epochs"):
        assert counts >= 30


def test_the_report_says_where_slices_come_from():
    config = load_config("configs/ablations.py:anchors")
    config.regions.sampling = "random_convex_pairs"
    text = " ".join(sentences(about_study(plan_study(config.to_dict())).definition))
    assert "100 segments between two random points of the segment that joins two inputs" in text


def test_a_study_of_pictures_on_the_disk_is_reported(tmp_path):
    """As configs/imagenet.py:study: nothing in it needs all images in memory."""
    config = load_config("configs/imagenet.py:quick_study")
    config.dataset = f"stream:{make_folder(tmp_path / 'pictures', train=8)}"
    config.train_examples = 0
    config.image_size = 8
    config.network = "mlp"
    config.width = 4
    config.batch_size = 8
    config.grid.batch_size = (8,)
    config.grid.weight_decay = (1e-5,)
    config.streaming.evaluated_examples = 0
    config.variants = {"test_images": {"anchors": "test"}}
    report = run_study(config, tmp_path / "study", (), tools=UNDRAWN)
    assert report["status"] == "completed"
    assert [run["status"] for run in report["runs"]] == ["completed"] * 2
    (network,) = report["networks"].values()
    assert {"region_count", "region_count: test_images"} <= set(
        network["outcomes"]["generalization_gap"]
    )


def test_the_lines_that_pool_two_studies(tmp_path, monkeypatch):
    """The snippet of docs/reproducing.md, on the runs of two studies."""
    page = (REPOSITORY / "docs" / "reproducing.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    studies = dict(re.findall(r'"(\w+)": "(runs/\w+)"', snippet))
    assert len(studies) == 2
    monkeypatch.chdir(tmp_path)
    expected = []
    for augmentation, folder in studies.items():
        rows = [
            Row(
                name=f"run {number}",
                network="mlp",
                settings={"learning_rate": 0.1 * number, "batch_size": 8, "weight_decay": 0.0},
                seed=3,
                status="completed",
                train_accuracy=100.0,
                test_accuracy=90.0 - number,
                generalization_gap=10.0 + number,
                measures={"region_count": 2.0 + number + 0.5 * len(augmentation)},
            )
            for number in range(1, 5)
        ]
        expected += [(augmentation, row) for row in rows]
        rows.append(Row(name="another", network="mlp", settings={}, seed=4, status="diverged"))
        report = report_json(analyze(rows, bootstrap_samples=10))
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "report.json").write_text(json.dumps(report))
    exec(compile(snippet, "docs/reproducing.md", "exec"), {})
    found = read_table("pooled.csv")
    assert len(found) == 8
    for row, (augmentation, first) in zip(found, expected, strict=True):
        assert row.settings == {"augmentation": augmentation, **first.settings}
        assert row.measures == first.measures
        assert (row.seed, row.generalization_gap) == (3, first.generalization_gap)
