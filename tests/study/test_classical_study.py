"""A study of classical classifiers: the same path as networks take, from grid to report."""

import json

import pytest
from ml_collections import ConfigDict

from rcjax.config.loading import complete
from rcjax.config.overrides import apply_overrides
from rcjax.errors import UserError
from rcjax.experiments import run_experiment

from .small_studies import planned

STUDY = {
    "experiment": "study",
    "dataset": "digits",
    "train_examples": 60,
    "network": "decision_tree",
    "regions": {"slices": 5, "points": 20},
    "grid": {"classifier": {"max_depth": (4, 6, 8)}, "seed": (0, 1)},
    "variants": {"planes": {"dim": 2, "points": 5}},
    "report": {"bootstrap_samples": 20},
}


def study(**fields):
    config = complete(ConfigDict(STUDY))
    apply_overrides(config, fields)
    return config


@pytest.mark.slow
def test_trees_from_grid_to_report(tmp_path):
    run_experiment(study(), tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["networks"]["decision_tree"]["settings"] == 3
    assert report["networks"]["decision_tree"]["runs"] == 6
    first = report["runs"][0]
    assert first["settings"] == {"classifier.max_depth": 4}  # and no learning rate
    assert set(first["measures"]) == {"region_count", "region_count: planes"}
    variants = tmp_path / "runs" / first["name"] / "variants.json"
    assert len(json.loads(variants.read_text())["planes"]["counts"]) == 5
    assert (tmp_path / "report.html").exists()


def test_axes_of_the_command_line_and_their_order():
    fields = {"grid.classifier.criterion": "gini,entropy", "grid.classifier.max_depth": "3,none"}
    runs = planned(study(**fields))
    assert [run.name for run in runs][:2] == [
        "classifier.criterion=gini,classifier.max_depth=3,seed=0",
        "classifier.criterion=gini,classifier.max_depth=3,seed=1",
    ]
    assert dict(runs[-1].config.classifier) == {"criterion": "entropy", "max_depth": None}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"grid.classifier.max_dept": "3"}, "no hyperparameter 'max_dept'"),
        ({"grid.classifier.max_depth": "3,-3"}, "run 2 of the grid .*max_depth"),
        ({"grid.learning_rate": "0.1,0.01"}, "learning_rate is read by networks only"),
        ({"measures.names": "all"}, "the measures are of networks"),
        ({"network": "mlp"}, "nothing reads: classifier.max_depth"),
    ],
    ids=str,
)
def test_refusals(fields, message):
    with pytest.raises(UserError, match=message):
        planned(study(**fields))
