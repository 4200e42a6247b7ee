"""Every config: its header, its quick size, and that each of its fields is read."""

import ast
import dataclasses
import itertools
import json
import re
import runpy
import sys
from pathlib import Path

import pytest

from rcjax.config import RUN_FIELDS, RegionsSection, RunConfig, run_config
from rcjax.config.loading import load_config
from rcjax.config.nesting import flatten
from rcjax.config.overrides import apply_overrides
from rcjax.config.run_config import StreamingSection as Streaming
from rcjax.data import load
from rcjax.edge_of_stability.validation import check_config as check_edge_of_stability
from rcjax.errors import UserError
from rcjax.experiments import run_experiment
from rcjax.models.classical import CLASSICAL_NAMES
from rcjax.study.analyze import check_analysis
from rcjax.study.plan import plan_study
from rcjax.training import train
from rcjax.training.counting import sample_slices
from rcjax.training.optimizer import OPTIMIZER_FIELDS, optimizer_of
from rcjax.training.validation import check_config

from .data.tiny_imagenet import make_folder
from .training.small_runs import small_config, small_run, train_undrawn

REPOSITORY = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.usefixtures("quick_compilation")
CONFIGS = sorted((REPOSITORY / "configs").glob("*.py"))
NAMES = [path.stem for path in CONFIGS]
LISTING = {"_replaced", "replace", "__eq__"}
# How the fields of each kind of config are checked.
CHECKS = {
    "training": lambda fields: check_config(run_config(fields)),
    "study": plan_study,
    "analyze": check_analysis,
    "edge_of_stability": check_edge_of_stability,
}


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_header_gives_command_cost_and_expectation(path):
    header = ast.get_docstring(ast.parse(path.read_text()))
    assert header is not None
    assert f"python launch.py --config=configs/{path.name} --workdir=" in header
    for heading in ("Cost:", "Expect:", "Quick size:"):
        assert heading in header


def sizes(path):
    """All sizes of a config, the default "" first; `_SIZES` names those beyond "quick"."""
    return list(dict.fromkeys(("", *runpy.run_path(str(path)).get("_SIZES", ("quick",)))))


SIZES = [(path, size) for path in CONFIGS for size in sizes(path)]
SIZE_NAMES = [f"{path.stem}:{size}" if size else path.stem for path, size in SIZES]


@pytest.mark.parametrize(("path", "size"), SIZES, ids=SIZE_NAMES)
def test_fields_are_valid(path, size):
    config = load_config(f"{path}:{size}" if size else str(path))
    kind = config.get("experiment", "training")
    if kind == "analyze" and not size:
        config.table = "of_yours.csv"
    if kind != "study":  # those are planned in tests/study/test_study_configs.py
        CHECKS[kind](config.to_dict())
    if size.startswith("quick") and kind in ("training", "study"):
        assert config.epochs <= 3 or config.network in CLASSICAL_NAMES
        assert config.dataset in ("digits", "synthetic")  # nothing to download


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_header_names_every_size_and_no_other_is_known(path):
    header = ast.get_docstring(ast.parse(path.read_text()))
    for size in sizes(path):
        assert size.removesuffix("_cifar10") in header
    with pytest.raises(UserError, match=r"unknown size 'huge'; known sizes: .*quick"):
        load_config(f"{path}:huge")


def test_documented_commands_have_a_config_and_a_size():
    """In headers, README and docs: `launch.py --config=FILE:SIZE`, with fields that exist."""
    found = set()
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")), *CONFIGS]
    command = re.compile(r"--config=(configs/\w+\.py(?::\w+)?)((?:\s+\\?\s*--[\w.]+=[^\s`|]+)*)")
    for page in pages:
        for argument, flags in command.findall(page.read_text()):
            config = load_config(argument)
            overrides = dict(re.findall(r"--config\.([\w.]+)=(\S+)", flags))
            apply_overrides(config, overrides)
            found.add(argument)
    assert len(found) > 20


def test_main_job_is_the_digits_and_the_papers_run_is_the_papers():
    cifar10 = load_config(str(REPOSITORY / "configs" / "cifar10.py"))
    paper = {
        "network": "resnet18",
        "dataset": "cifar10",
        "epochs": 200,
        "batch_size": 256,
        "learning_rate": 0.1,
        "momentum": 0.9,
        "random_crop": False,
        "random_flip": False,
        "regions.slices": 100,
        "regions.points": 200,
        "regions.every": 10,
    }
    fields = flatten(cifar10.to_dict())
    assert {name: fields[name] for name in paper} == paper
    assert load_config(str(REPOSITORY / "configs" / "digits.py")).dataset == "digits"


def test_every_field_is_read(tmp_path, monkeypatch):
    """By attribute, in a run; a field that nothing reads would be a promise that nothing keeps."""
    read = set()
    for kind, prefix in ((RunConfig, ""), (RegionsSection, "regions."), (Streaming, "streaming.")):
        names = {field.name for field in dataclasses.fields(kind)}

        def note(self, name, names=names, prefix=prefix):
            # What lists all fields, as `to_dict` does, reads none of them.
            if name in names and sys._getframe(1).f_code.co_name not in LISTING:
                read.add(prefix + name)
            return object.__getattribute__(self, name)

        monkeypatch.setattr(kind, "__getattribute__", note, raising=False)
    streamed = f"stream:{make_folder(tmp_path / 'pictures', train=12)}"
    train_undrawn(
        small_config(dataset=streamed, image_size=8, train_examples=0, epochs=1, batch_size=36),
        tmp_path / "run",
    )
    # Every optimizer has fields of its own; the length belongs to random directions only.
    for name in OPTIMIZER_FIELDS:
        optimizer_of(small_run(optimizer=name))
    dataset = load("digits", train_examples=20)
    regions = small_run(**{"regions.sampling": "random_directions"}).regions
    sample_slices(dataset, regions, seed=0)
    monkeypatch.undo()
    assert set(RUN_FIELDS) <= read


def test_numbers_may_be_integers_in_the_config_and_fractions_on_the_command_line():
    config = small_config().copy_and_resolve_references()
    with config.ignore_type():
        config.learning_rate, config.regions.length = 1, 2
    apply_overrides(config, {"learning_rate": "0.5", "regions.length": "1e-3", "epochs": "7"})
    check_config(run_config(config))
    assert (config.learning_rate, config.regions.length, config.epochs) == (0.5, 1e-3, 7)


def test_commands_of_every_experiment_of_the_paper_are_valid():
    """The table of docs/reproducing.md: its configs, each with the fields beside it."""
    page = (REPOSITORY / "docs" / "reproducing.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| E")]
    assert [row[0] for row in rows] == [f"| E{number}" for number in range(1, 32)]
    checked = 0
    for _, _, cell, *_ in rows:
        parts = re.findall(r"configs/\w+\.py(?::\w+)?|--config\.[\w.]+=[^\s`]+", cell)
        for place, argument in enumerate(parts):
            if argument.startswith("--"):
                continue
            flags = itertools.takewhile(lambda part: part.startswith("--"), parts[place + 1 :])
            config = load_config(argument)
            apply_overrides(config, dict(f.removeprefix("--config.").split("=", 1) for f in flags))
            if "classifier" not in config.get("grid", {}):  # those take their time; see above
                CHECKS[config.get("experiment", "training")](config.to_dict())
            checked += 1
    assert checked >= 30


# Quick sizes whose every step is taken elsewhere: digits is the main job of .ci/run,
# edge_of_stability_digits has a test of its own, imagenet:quick_study trains what :quick trains.
TAKEN_ELSEWHERE = {
    "digits:quick", "edge_of_stability_digits:quick", "imagenet:quick",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "argument",
    [
        pytest.param(f"{path}:{size}", id=name)
        for (path, size), name in zip(SIZES, SIZE_NAMES, strict=True)
        if size.startswith("quick") and name not in TAKEN_ELSEWHERE
    ],
)
def test_quick_size_runs(argument, tmp_path):
    config = load_config(argument)
    run = run_experiment if "experiment" in config else train
    record = run(config, tmp_path)
    assert record["status"] == "completed"


@pytest.mark.parametrize(
    "error", ["SystemExit(0)", "GeneratorExit(0)", "KeyError(0)", "OSError(0)"]
)
@pytest.mark.parametrize("where", ["raise", "def get_config(size): raise"])
def test_a_config_that_ends_the_program_or_fails_is_refused(tmp_path, where, error):
    path = tmp_path / "mine.py"
    path.write_text(f"{where} {error}")
    kind = error.partition("(")[0]
    with pytest.raises(UserError, match=rf"mine\.py cannot be (run|used): {kind}: 0"):
        load_config(str(path))


def test_a_path_with_a_colon_is_no_size(tmp_path):
    for name in (f"{tmp_path}/a:b/none.py", "https://host/none.py"):
        with pytest.raises(UserError, match=f"no config file '{name}'"):
            load_config(name)


def test_values_of_numpy_and_ranges_are_pythons(tmp_path):
    path = tmp_path / "a:b.py"
    path.write_text(
        "import numpy as np\nfrom ml_collections import ConfigDict\n"
        "def get_config(size):\n"
        "    c = ConfigDict({'experiment': 'study', 'learning_rate': np.float64(0.1)})\n"
        "    c.grid = ConfigDict({'weight_decay': np.logspace(-3, -1, 3), 'seed': range(2)})\n"
        "    c.epochs, c.batch_size = np.int64(3), np.int32(8)\n"
        "    return c\n"
    )
    config = load_config(str(path)).to_dict()
    assert config["grid"] == {"weight_decay": (0.001, 0.01, 0.1), "seed": (0, 1)}
    runs = plan_study(config).runs
    assert len(runs) == 6
    assert {(run.config.learning_rate, run.config.epochs) for run in runs} == {(0.1, 3)}
    with pytest.raises(UserError, match="names the home folder of an unknown"):
        load_config("~nosuchuser/mine.py")
    with pytest.raises(UserError, match="too long"):
        load_config("x" * 300)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"epochs": 1.5}, "epochs must be of type int, got 1.5"),
        ({"streaming": 3}, "'streaming' is a section, got 3"),
        ({"regions": {"x": 1}, "seeds": 2}, "fields that nothing reads: seeds|regions.x"),
        ({"learning_rate": 10**400}, "learning_rate must be a finite number"),
        ({"regions": {"extent": 3}}, "regions.extent must be numbers between commas, got 3"),
        ({"nesterov": 1}, "nesterov must be of type bool, got 1"),
    ],
    ids=str,
)
def test_wrong_kinds_of_values_are_named(fields, words):
    with pytest.raises(UserError, match=words):
        run_config(fields)


def test_a_config_survives_json():
    given = {"network": "svc", "regions": {"extent": [-1, 2]}, "classifier": {"C": 2.0, "n": None}}
    config = run_config(given)
    assert run_config(json.loads(json.dumps(config.to_dict()))) == config
    assert config.regions.extent == (-1.0, 2.0)


def test_one_cycle_needs_two_epochs():
    check_config(small_run(schedule="one_cycle", epochs=2))
    check_config(small_run(schedule="one_cycle", epochs=0))
    for fields in ({"epochs": 1}, {"epochs": 3, "warmup_epochs": 2}):
        with pytest.raises(UserError, match="needs at least 2 epochs after the warm-up, got 1"):
            check_config(small_run(schedule="one_cycle", **fields))
