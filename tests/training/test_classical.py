"""Classical classifiers as runs: the record, the counts, what is refused."""

import json

import numpy as np
import pytest
from ml_collections import ConfigDict
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier

from rcjax.config import run_config
from rcjax.config.loading import complete
from rcjax.config.overrides import apply_overrides
from rcjax.data import load
from rcjax.errors import UserError
from rcjax.models.classical import CLASSICAL_NAMES
from rcjax.training import train
from rcjax.training.classical import fit_classical
from rcjax.training.counting import sample_slices
from rcjax.training.validation import check_config


def small_config(**fields):
    """A run on 60 digits; fields as text, as the command line gives them."""
    config = complete(
        ConfigDict({"dataset": "digits", "train_examples": 60, "network": "decision_tree"})
    )
    small = {"regions.slices": "6", "regions.points": "40", "seed": "3"}
    apply_overrides(config, {**small, **fields})
    return config


def small_run(**fields):
    """The same, typed."""
    return run_config(small_config(**fields))


def digits(split, **constants):
    """Normalised, flattened images and labels, by this file's own arithmetic."""
    dataset = load("digits", train_examples=60, seed=3, **constants)
    images, labels = getattr(dataset, f"{split}_images"), getattr(dataset, f"{split}_labels")
    points = (images.astype(np.float32) / np.float32(255) - dataset.mean) / dataset.std
    return points.reshape(len(points), -1), labels


@pytest.mark.parametrize("name", CLASSICAL_NAMES)
def test_record_has_the_form_of_a_networks(tmp_path, name):
    config = small_config(network=name)
    record = train(config, tmp_path)
    assert record == json.loads((tmp_path / "record.json").read_text())
    assert record["status"] == "completed"
    assert record["config"]["network"] == name
    assert "learning_rate" not in record["config"]  # nothing read it
    assert record["generalization_gap"] == record["train_accuracy"] - record["test_accuracy"]
    assert record["epochs"] == []
    (entry,) = record["history"]
    assert entry["epoch"] == 0
    assert entry["test_accuracy"] == record["test_accuracy"] > 50
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == entry
    assert train(config, tmp_path) == record  # read, not fitted again


def test_regions_are_counted_on_the_slices_of_a_network(tmp_path):
    config = small_config(
        network="logistic_regression",
        normalization_mean="0.2",
        normalization_std="0.7",
        **{"classifier.C": "10", "regions.slices": "30"},
    )
    record = train(config, tmp_path)
    constants = {"normalization_mean": [0.2], "normalization_std": [0.7]}
    points, labels = digits("train", **constants)
    reference = LogisticRegression(C=10, random_state=3).fit(points, labels)
    assert record["train_accuracy"] == pytest.approx(100 * reference.score(points, labels))
    assert record["test_accuracy"] == pytest.approx(
        100 * reference.score(*digits("test", **constants))
    )
    # One plus the changes of label along each slice that a network with this seed meets.
    dataset = load("digits", train_examples=60, seed=3, **constants)
    anchors = sample_slices(dataset, run_config(config).regions, 3).reshape(30, 2, -1)
    t = np.linspace(0, 1, 40, dtype=np.float32)[:, None]
    predicted = [reference.predict((1 - t) * first + t * second) for first, second in anchors]
    changes = [1 + np.count_nonzero(np.diff(labels)) for labels in predicted]
    assert record["region_count"]["counts"] == changes
    assert max(changes) > 2


def test_losses_are_cross_entropies(tmp_path):
    fitted = fit_classical(
        small_run(network="k_nearest_neighbours", **{"classifier.n_neighbors": "60"})
    )
    points, labels = digits("train")
    reference = KNeighborsClassifier(n_neighbors=60).fit(points, labels)
    loss, _ = fitted.evaluate("train")
    assert loss == pytest.approx(log_loss(labels, reference.predict_proba(points)))
    record = train(small_config(network="support_vector_machine"), tmp_path)
    assert record["history"][0]["train_loss"] is None


def test_further_counts_of_the_same_classifier():
    config = small_run()
    fitted = fit_classical(config)
    first = fitted.count(config.regions)
    planes = fitted.count(config.regions.replaced({"dim": 2, "points": 8}))
    assert planes.counts.shape == first.counts.shape == (6,)
    assert (np.asarray(planes.counts) != np.asarray(first.counts)).any()


def test_hyperparameters_take_the_type_their_text_has():
    config = small_config(
        **{
            "classifier.max_depth": "5",
            "classifier.ccp_alpha": "0.01",
            "classifier.criterion": "entropy",
            "classifier.max_features": "none",
        }
    )
    assert config.classifier.to_dict() == {
        "max_depth": 5, "ccp_alpha": 0.01, "criterion": "entropy", "max_features": None,
    }  # fmt: skip
    check_config(run_config(config))
    study = complete(ConfigDict({"experiment": "study"}))
    apply_overrides(study, {"grid.classifier.max_depth": "3,5,7", "grid.classifier.C": "0.1,1"})
    assert study.grid.classifier.to_dict() == {"max_depth": (3, 5, 7), "C": (0.1, 1)}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"classifier.max_dept": "5"},
            "no hyperparameter 'max_dept'; did you mean",
        ),
        ({"classifier.max_depth": "-1"}, "'max_depth' parameter .* must be an int in the range"),
        ({"classifier.max_depth": "1" + 20 * "0"}, "decision_tree refuses .* too large"),
        ({"classifier.max_leaf_nodes": "4294967296000"}, "decision_tree refuses .* allocate"),
        ({"classifier.random_state": "1"}, "random_state follows from seed"),
        ({"network": "resnet18", "classifier.max_depth": "5"}, "nothing reads: classifier.max_d"),
        ({"learning_rate": "0.3"}, "learning_rate is read by networks only"),
        ({"regions.method": "exact"}, "regions.method = exact needs a network"),
        ({"network": "logistic_regression", "classifier.solver": "liblinear"}, "liblinear"),
    ],
    ids=str,
)
def test_refusals(fields, message):
    with pytest.raises(UserError, match=message) as refused:
        check_config(run_config(small_config(**fields)))
    assert "\n" not in str(refused.value)


def test_more_neighbours_than_images_is_one_line(tmp_path):
    config = small_config(network="k_nearest_neighbours", **{"classifier.n_neighbors": "61"})
    with pytest.raises(UserError, match="refuses"):
        train(config, tmp_path)
    assert not (tmp_path / "config.json").exists()


def test_warnings_of_scikit_learn_are_kept(tmp_path, capsys):
    config = small_config(network="logistic_regression", **{"classifier.max_iter": "2"})
    record = train(config, tmp_path)
    assert "failed to converge" in record["messages"][0]
    assert "failed to converge" in capsys.readouterr().out
