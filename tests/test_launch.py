"""The command line: what it refuses, with one line, exit code 2 and nothing written."""

import errno
import os
import subprocess
import sys

import jax
import pytest

import rcjax.runtime.files
from rcjax.config.loading import load_config
from rcjax.config.overrides import apply_overrides
from rcjax.errors import UserError
from rcjax.launch import main, split_overrides
from rcjax.training.experiment import Experiment

from .training.small_runs import REPOSITORY, launch, small_arguments

pytestmark = pytest.mark.usefixtures("quick_compilation")
DIGITS = str(REPOSITORY / "configs" / "digits.py")

BAD_FIELDS = [
    ("epochs=-1", "epochs must be at least 0, at most 1000000, got -1"),
    ("batch_size=-1", "batch_size must be at least 1, at most 1000000, got -1"),
    ("learning_rate=0", "learning_rate must be positive, got 0"),
    ("learning_rate=nan", "learning_rate must be a finite number, at most 3.4e+38, got nan"),
    ("weight_decay=inf", "weight_decay must be a finite number, at most 3.4e+38, got inf"),
    ("momentum=-inf", "momentum must be a finite number, at most 3.4e+38, got -inf"),
    ("regions.length=1e39", "regions.length must be a finite number"),
    ("epochs=1000000000", "epochs must be at least 0, at most 1000000, got 1000000000"),
    ("width=1000000000", "width must be at least 0, at most 100000, got 1000000000"),
    ("regions.slices=1000000000", "regions.slices must be at least 1, at most 100000, got"),
    ("regions.points=1000000000", "regions.points must be at least 2, at most 1000000, got"),
    ("regions.batch_size=1000000000", "regions.batch_size must be at least 0, at most 1000000"),
    ("momentum=1", "momentum must be at least 0 and below 1, got 1"),
    ("beta1=0.5", "beta1 = 0.5 does nothing with optimizer = sgd: leave it at 0.9, or choose adam"),
    ("optimizer=lion", "unknown optimizer 'lion'; known: sgd, adam, adamw, adagrad, rmsprop"),
    ("schedule=linear", "unknown schedule 'linear'; known: constant, cosine, step, multi_step"),
    ("schedule=step", "schedule_step_epochs must be set with schedule = step"),
    ("schedule_milestones=5,9", "(5, 9) does nothing with schedule = cosine: leave it empty, or"),
    ("schedule_final_rate=1", "schedule_final_rate must be at most the learning_rate, 0.1, got 1"),
    ("warmup_epochs=30", "warmup_epochs must be below the 30 epochs, got 30"),
    ("sam_radius=0.1", "sam_radius = 0.1 does nothing with optimizer = sgd"),
    ("random_erasing=1.5", "random_erasing must be at least 0, at most 1, got 1.5"),
    ("weight_decay=-0.1", "weight_decay must be at least 0, got -0.1"),
    ("width=-4", "width must be at least 0, at most 100000, got -4"),
    ("seed=-1", "seed must be at least 0, at most 4294967295, got -1"),
    ("checkpoint_every=0", "checkpoint_every must be at least 1, at most 1000000, got 0"),
    ("regions.slices=0", "regions.slices must be at least 1, at most 100000, got 0"),
    ("regions.points=1", "regions.points must be at least 2, at most 1000000, got 1"),
    ("regions.every=0", "regions.every must be at least 1, at most 1000000, got 0"),
    ("regions.dim=6", "regions.dim must be at least 1, at most 5, got 6"),
    ("regions.length=-1", "regions.length must be positive, got -1"),
    ("network=resnet19", "unknown network 'resnet19'; known: "),
    ("dataset=cifar11", "unknown dataset 'cifar11'; known: "),
    ("dataset=nowhere.npz", "no file nowhere.npz; dataset must name a .npz file"),
    ("label_noise=1.1", "label_noise must be at least 0, at most 1, got 1.1"),
    ("image_size=-8", "image_size must be at least 0, at most 10000, got -8"),
    ("precision=float16", "unknown precision 'float16'; known: float32, bfloat16"),
    ("regions.method=guess", "unknown regions.method 'guess'; known: grid, adaptive, exact"),
    ("regions.sampling=lines", "unknown regions.sampling 'lines'; known: between_points"),
    ("regions.anchors=both", "unknown regions.anchors 'both'; known: train, test"),
    ("batch_size=5000", "batch_size must be at most the 1297 training examples of digits"),
    ("train_examples=5000", "train_examples must be between 1 and the 1297"),
    # Of the wrong type, or with no such name.
    ("epochs=many", "config field epochs takes an integer, got 'many'"),
    ("epochs=1.5", "config field epochs takes an integer, got '1.5'"),
    ("learning_rate=fast", "config field learning_rate takes a number, got 'fast'"),
    ("random_flip=perhaps", "config field random_flip takes true or false, got 'perhaps'"),
    ("learning_rte=0.1", "no config field 'learning_rte'; did you mean learning_rate?"),
    ("slices=10", "no config field 'slices'; did you mean regions.slices?"),
    ("region.slices=10", "no config field 'region.slices'; did you mean regions.slices"),
    ("regions=10", "config field 'regions' is a section; its fields are regions.anchors"),
    ("zzzz=1", "no config field 'zzzz'; the fields are batch_size, beta1, beta2, check"),
]


def assert_refused(outcome, *words):
    """One line that holds the words, exit code 2, no traceback."""
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    for word in words:
        assert word in outcome.err


@pytest.mark.parametrize(("field", "words"), BAD_FIELDS, ids=[field for field, _ in BAD_FIELDS])
def test_bad_field(capsys, tmp_path, field, words):
    workdir = tmp_path / "run"
    arguments = ["rcjax", f"--config={DIGITS}", f"--workdir={workdir}", f"--config.{field}"]
    assert_refused(launch(capsys, arguments), words)
    assert not workdir.exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"regions.dim": 2, "regions.sampling": "random_convex_pairs"},
            "regions.dim must be 1 with regions.sampling = random_convex_pairs, got 2",
        ),
        ({"regions.dim": 2, "regions.method": "adaptive"}, "dim must be 1 with regions.method = a"),
        (
            {"regions.dim": 2, "regions.method": "exact"},
            "dim must be 1 with regions.method = exact",
        ),
        ({"regions.dim": 5, "regions.points": 100}, "regions.points = 100 makes 100**5 points"),
        ({"mixup": 1, "cutmix": 1}, "mixup and cutmix exclude each other"),
        ({"nesterov": True, "momentum": 0}, "nesterov does nothing with momentum = 0"),
        (
            {"schedule": "multi_step", "schedule_milestones": "3,2"},
            "from 1 on that rise, got [3, 2]",
        ),
        ({"optimizer": "sam", "sam_radius": 0}, "sam_radius must be positive, got 0"),
        ({"normalization_std": "0.5,0"}, "positive everywhere, got (0.5, 0.0)"),
        ({"normalization_mean": "0.1,0.2"}, "one for each of the 1 channels of the images, got 2"),
        ({"network": "vgg19"}, "the images are too small for this network"),
        # ResNet18 takes these images down to one pixel, and the last batch holds one image.
        ({"network": "resnet18", "width": 2, "train_examples": 36}, "needs more than one value"),
    ],
    ids=str,
)
def test_fields_that_do_not_go_together(capsys, tmp_path, fields, words):
    outcome = launch(capsys, small_arguments(tmp_path / "run", **fields))
    assert_refused(outcome, words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("1 +", "SyntaxError"),
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("x = 1", "no function get_config"),
        ("def get_config(size): return {}", "must return an ml_collections.ConfigDict, got dict"),
        (
            "from ml_collections import ConfigDict\n"
            "def get_config(size): return ConfigDict({'epoch': 3})",
            "fields that nothing reads: epoch",
        ),
    ],
)
def test_bad_config_file(capsys, tmp_path, source, words):
    file = tmp_path / "own.py"
    file.write_text(source)
    outcome = launch(capsys, ["rcjax", f"--config={file}", f"--workdir={tmp_path / 'run'}"])
    assert_refused(outcome, words)


def test_a_config_file_of_one_size(capsys, tmp_path):
    """Its function may take nothing, as elsewhere; the overrides still apply."""
    file = tmp_path / "own.py"
    file.write_text(
        "from ml_collections import ConfigDict\n"
        "def get_config(): return ConfigDict({'dataset': 'digits', 'epochs': 0})\n"
    )
    workdir = f"--workdir={tmp_path / 'run'}"
    outcome = launch(capsys, ["rcjax", f"--config={file}", workdir, "--config.width=-1"])
    assert_refused(outcome, "config field width must be at least 0")
    outcome = launch(capsys, ["rcjax", f"--config={file}:quick", workdir])
    assert_refused(outcome, "has no sizes, got 'quick'")


def test_field_that_nothing_reads(capsys, tmp_path):
    file = tmp_path / "own.py"
    file.write_text(
        "import runpy\n"
        "def get_config(size):\n"
        f"    config = runpy.run_path({DIGITS!r})['get_config'](size)\n"
        "    config.learning_rat = 0.5\n"
        "    return config\n"
    )
    outcome = launch(capsys, ["rcjax", f"--config={file}", f"--workdir={tmp_path / 'run'}"])
    assert_refused(outcome, "fields that nothing reads: learning_rat")


def test_workdir_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("kept")
    assert_refused(launch(capsys, small_arguments(tmp_path / "file")), "is a file")
    assert_refused(launch(capsys, small_arguments(tmp_path / "file" / "run")), "cannot be written")
    assert (tmp_path / "file").read_text() == "kept"


def test_full_disk(capsys, tmp_path, monkeypatch):
    def no_space(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(rcjax.runtime.files.os, "fsync", no_space)
    arguments = small_arguments(tmp_path / "run", epochs=0)
    assert_refused(launch(capsys, arguments), "no space left", "intact")
    assert not (tmp_path / "run" / "record.json").exists()


def test_a_current_folder_that_is_gone(capsys, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    outcome = launch(capsys, small_arguments("relative"))
    monkeypatch.chdir(tmp_path)
    assert_refused(outcome, "the current folder is no longer there")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 9 TiB\nfor an array"),
        jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\nMore"),
        jax.errors.JaxRuntimeError("INTERNAL: Failed: Out of memory while trying to allocate 9"),
    ],
    ids=["bare", "with text", "exhausted", "internal"],
)
def test_out_of_memory(capsys, tmp_path, monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(Experiment, "compile", fail)
    outcome = launch(capsys, small_arguments(tmp_path / "run"))
    assert_refused(outcome, "out of memory", "lower batch_size, width or regions.batch_size")


def test_other_errors_of_jax_are_not_hidden(tmp_path, monkeypatch):
    def fail(*arguments):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")

    monkeypatch.setattr(Experiment, "compile", fail)
    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        main(small_arguments(tmp_path / "run"))


def test_no_such_device(tmp_path):
    result = subprocess.run(
        [sys.executable, "launch.py", *small_arguments(tmp_path / "run")[1:]],
        cwd=REPOSITORY,
        env={**os.environ, "JAX_PLATFORMS": "cuda"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "error: no such device: JAX_PLATFORMS asks for 'cuda'" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def test_config_is_found_beside_the_package(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["rcjax", "--config=configs/digits.py", "--workdir=w", "--config.epochs=-1"]
    assert_refused(launch(capsys, arguments), "epochs must be at least 0")


def test_overrides_are_split_off():
    arguments = ["rcjax", "--config.epochs=3", "--workdir=w", "--config.seed", "5", "--config=c.py"]
    others, overrides = split_overrides(arguments)
    assert others == ["rcjax", "--workdir=w", "--config=c.py"]
    assert overrides == {"epochs": "3", "seed": "5"}


def test_help_names_the_configs(capsys):
    assert main(["rcjax", "--help"]) == 0
    names = {path.stem for path in (REPOSITORY / "configs").glob("*.py")}
    assert names <= set(capsys.readouterr().out.split())


def test_a_config_is_found_by_its_name_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for size in ("", ":quick"):
        assert load_config(f"digits{size}") == load_config(f"configs/digits.py{size}")
    (tmp_path / "digits").mkdir()  # a folder of results takes no config's place
    assert load_config("digits").dataset == "digits"


def test_fields_that_a_config_leaves_out_take_their_defaults(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(
        "from ml_collections import ConfigDict\n"
        "def get_config(size): return ConfigDict({'epochs': 3, 'regions': {'dim': 2}})"
    )
    config = load_config(str(file))
    assert (config.epochs, config.regions.dim) == (3, 2)
    assert (config.dataset, config.regions.slices) == ("cifar10", 100)
    apply_overrides(config, {"regions.extent": "-1, 2", "regions.points": "7"})
    assert config.regions.extent == (-1.0, 2.0)
    with pytest.raises(UserError, match=r"several between commas.*'-1, x'"):
        apply_overrides(config, {"regions.extent": "-1, x"})
