"""A picture does not depend on whose machine draws it."""

import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest

from rcjax import on_host
from rcjax.plotting import colour_of, draw_slice
from rcjax.plotting.classes import names_of
from rcjax.training.drawing import plot_learning, plot_segment

CORNERS = np.asarray([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.float32)
USERS = {"text.usetex": True, "axes.grid": True, "font.size": 23, "lines.linewidth": 9}
ENTRY = {"epoch": 1, "train_loss": 1.0, "test_loss": 2.0, "train_accuracy": 3.0}


def quadrants(x):
    return 10 * (x[:, 0] > 0.4) + (x[:, 1] > 0.4)


def pictures(folder):
    folder.mkdir()
    entries = [{**ENTRY, "test_accuracy": 4.0}]
    plot_learning(entries, entries, folder / "learning.png")
    draw_slice(on_host(quadrants), CORNERS, points=20, path=folder / "slice.png")
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def test_a_users_settings_have_no_influence(tmp_path):
    expected = pictures(tmp_path / "plain")
    with matplotlib.rc_context(USERS):
        assert pictures(tmp_path / "users") == expected
        assert matplotlib.rcParams["font.size"] == 23


def test_a_backend_that_is_not_installed_does_no_harm(tmp_path):
    code = (
        "import numpy as np; from rcjax import on_host; from rcjax.plotting import draw_slice; "
        "draw_slice(on_host(lambda x: x), np.eye(3)[:2], points=9, path='a.png')"
    )
    environment = os.environ | {
        "MPLBACKEND": "module://not_installed_here",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").exists()


@pytest.mark.slow
def test_a_file_of_settings_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"font.size: 9  # caf\xe9\n")
    command = [sys.executable, "-m", "rcjax", "--config=digits", "--workdir=run"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the file matplotlibrc in this folder is not UTF-8")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["matplotlibrc"]


@pytest.mark.parametrize(
    "shape", [(8, 8, 1), (8, 8, 2), (8, 8, 3), (8, 8, 5), (1, 8, 1), (8, 1, 3), (1, 1, 1), (7,)]
)
def test_images_of_every_shape_are_drawn(tmp_path, shape):
    logits = np.stack([np.linspace(-1, 1, 5), np.zeros(5)], axis=1)
    images = np.random.default_rng(0).uniform(size=(5, *shape))
    plot_segment(np.linspace(0, 1, 5), logits, images, "a line", tmp_path / "segment.png")
    assert (tmp_path / "segment.png").stat().st_size > 1_000


@pytest.mark.parametrize(
    ("labels", "class_names", "own", "names"),
    [
        ([0, 2], ["a", "b", "c"], None, ["a", "c"]),
        ([1, 2, 3], {1: "a", 2: "b", 3: "c"}, None, ["a", "b", "c"]),
        ([-1, 0], {-1: "neg", 0: "zero"}, None, ["neg", "zero"]),
        ([0, 1], {"z": "Z", "a": "A"}, {0: "a", 1: "z"}, ["A", "Z"]),
        ([0, 1], None, {0: "a", 1: "z"}, ["a", "z"]),
        ([3, 4], {3: "three"}, None, ["three", "4"]),
        ([5, 6], None, None, ["5", "6"]),
    ],
)
def test_names_go_by_label(labels, class_names, own, names):
    assert names_of(np.asarray(labels), class_names, own) == names


@pytest.mark.parametrize(
    ("labels", "class_names", "own"),
    [
        ([1, 2, 3], ["a", "b", "c"], None),
        ([-1, 0], ["neg", "zero"], None),
        ([0, 1], ["A", "Z"], {0: "a", 1: "z"}),
        ([0], "abc", None),
    ],
)
def test_names_in_an_order_that_labels_do_not_have_are_refused(labels, class_names, own):
    with pytest.raises(ValueError, match=r"pass a mapping \{label: name\}"):
        names_of(np.asarray(labels), class_names, own)


def test_a_hundred_classes_have_colours_of_their_own():
    colours = {colour_of(label) for label in range(100)}
    assert len(colours) == 100
    rgb = np.asarray([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in sorted(colours)])
    distances = np.linalg.norm(rgb[:, None] - rgb[None], axis=-1) + 999 * np.eye(100)
    assert distances.min() > 8


def test_a_legend_that_is_cut_says_so():
    figure = draw_slice(on_host(lambda x: np.floor(25 * x[:, 0]).astype(int)), CORNERS[:2])
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts[-1] == "and 6 more"
    assert len(texts) == 21


def test_a_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    draw_slice(on_host(quadrants), CORNERS[:2], points=9, path="~/picture.png")
    assert (tmp_path / "picture.png").exists()
