"""Command lines that cannot be run: one line each, exit code 2, nothing made, all in one table."""

import itertools
import unicodedata

import pytest

from rcjax.config.fields import RUN_FIELDS, field_kind

from ..training.small_runs import REPOSITORY, launch

DIGITS = f"--config={REPOSITORY / 'configs' / 'digits.py'}"
STUDY = f"--config={REPOSITORY / 'configs' / 'table1_digits.py'}"
ANALYSIS = f"--config={REPOSITORY / 'configs' / 'analyze.py'}"
EDGE = f"--config={REPOSITORY / 'configs' / 'edge_of_stability.py'}"
RUN = "--workdir=run"
LONG = "x" * 5000

# Of the wrong type, whatever the field; the line names field and value.
NO_VALUE_OF = {
    int: ["many", "1.5", "1e3", "0x10", "", "None", "nan", "1,2", "[1]", "-", "ten " * 1300],
    float: ["fast", "", "None", "nan", "inf", "-inf", "1e999", "0x1p3", "1,2", "1 2", "--"],
    bool: ["perhaps", "2", "", "None", "yes", "-1", "truefalse"],
}
FIELDS_BY_KIND = {
    kind: sorted(name for name in RUN_FIELDS if field_kind(name) is kind) for kind in NO_VALUE_OF
}

# Refused only by the executor, when the folder of the study is claimed.
FAR_TOO_MANY_GPUS = ["--config.executor.name=processes", "--config.executor.gpus_per_run=1000"]

COMMAND_LINES = {
    "nothing": ([], "--config is missing; usage: "),
    "no workdir": ([DIGITS], "--workdir is missing"),
    "no config": ([RUN], "--config is missing"),
    "empty config": (["--config=", RUN], "--config is missing"),
    "empty workdir": ([DIGITS, "--workdir="], "--workdir is missing"),
    "workdir at the end": ([DIGITS, "--workdir"], "workdir"),
    "workdir before a field": ([DIGITS, "--workdir", "--config.seed=1"], "workdir"),
    "workdir before the config": (["--workdir", DIGITS], "--workdir has no value"),
    "workdir twice, first empty": ([DIGITS, "--workdir", "--workdir=X"], "--workdir has no value"),
    "config before a flag": (["--config", RUN], "--config has no value"),
    "unknown flag": ([DIGITS, RUN, "--epochs=3"], "unknown flag --epochs"),
    "unknown short flag": ([DIGITS, RUN, "-x"], "unknown flag --x"),
    "a word too many": ([DIGITS, RUN, "more"], "unexpected argument 'more'"),
    "a long word too many": ([DIGITS, RUN, LONG], "unexpected argument"),
    "a space within": ([DIGITS, RUN, "--config.epochs= 3 4"], "epochs takes an integer"),
    "field without a name": ([DIGITS, RUN, "--config.=3"], "names no field"),
    "field without a value": ([DIGITS, RUN, "--config.epochs"], "has no value"),
    "field before a flag": ([DIGITS, "--config.epochs", RUN], "--config.epochs has no value"),
    "more GPUs than there are": ([STUDY, RUN, *FAR_TOO_MANY_GPUS], "executor.gpus_per_run"),
    "no such size": ([f"{DIGITS}:tiny", RUN], "'tiny'; known sizes: quick"),
    "no such file": (
        ["--config=nowhere.py", RUN],
        "no config file 'nowhere.py'; known configs: ablations, ",
    ),
    "config is a folder": (["--config=.", RUN], "no config file '.'"),
    "config has a long name": ([f"--config={LONG}", RUN], "File name too long"),
    "config of an unknown user": (["--config=~no-such-user/c.py", RUN], "unknown user"),
    "config with a NUL": (["--config=a\0b", RUN], "NUL"),
}

WORKDIRS = {
    "gs://bucket/run": "is a URL",
    "s3://bucket/run": "is a URL",
    "https://host/run": "is a URL",
    "run\udcff": "not UTF-8",
    "~no-such-user/run": "unknown user",
    "a\0b": "NUL",
    "file": "is a file",
    "file/run": "cannot be",
    "/dev/null": "is a file",
    "/proc/run": "cannot be written",
    "y" * 256: "File name too long",
    LONG: "File name too long",
    "/".join(["z" * 200] * 30): "File name too long",
}

NAMES = ["network", "dataset", "optimizer", "schedule", "precision", "data_dir"]
HOSTILE = [
    LONG, "word " * 1000, "a\x1b[31mred", "a\nb", "a\r\x1b[2Jb", "a\x9bb", "\u202eabc", "a\0b",
    "folder:" + LONG, "stream:" + LONG, "folder:a\x1b[31m", "stream:\0", "~no-such-user/a",
    "a\udcff", "folder:\udcff", "gs://bucket/a", "🙂", " ", "''",
]  # fmt: skip


@pytest.fixture
def refuse(capsys, tmp_path, monkeypatch):
    """Runs a command line in an empty folder; it must be refused, and the folder stay empty."""
    monkeypatch.chdir(tmp_path)

    def check(arguments, *words):
        before = sorted(tmp_path.rglob("*"))
        code, _, errors = launch(capsys, ["rcjax", *arguments])
        shown = (arguments, errors)
        assert code == 2, shown
        assert errors.startswith("error: "), shown
        assert errors.count("\n") == 1, shown
        assert len(errors) < 2200, shown
        assert not [c for c in errors[:-1] if unicodedata.category(c) in ("Cc", "Cs")], shown
        assert not [word for word in words if word not in errors], shown
        assert sorted(tmp_path.rglob("*")) == before, shown

    return check


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, names in FIELDS_BY_KIND.items() for name in names],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_no_value_of_the_field(refuse, kind, name):
    for text in NO_VALUE_OF[kind]:
        refuse([DIGITS, RUN, f"--config.{name}={text}"], name)


@pytest.mark.parametrize("name", FIELDS_BY_KIND[float])
def test_numbers_that_are_zero_to_float32(refuse, name):
    refuse([DIGITS, RUN, f"--config.{name}=1e-45"], name)


@pytest.mark.parametrize(("arguments", "words"), COMMAND_LINES.values(), ids=COMMAND_LINES.keys())
def test_no_command(refuse, arguments, words):
    refuse(arguments, words)


@pytest.mark.parametrize("config", [DIGITS, STUDY, ANALYSIS, EDGE], ids=lambda name: name[-12:])
def test_no_workdir(refuse, tmp_path, config):
    (tmp_path / "file").write_text("kept")
    table = f"--config.table={REPOSITORY / 'configs' / 'example_table.csv'}"
    for workdir, words in WORKDIRS.items():
        refuse([config, f"--workdir={workdir}", *[table] * (config == ANALYSIS)], words)


@pytest.mark.parametrize(("name", "text"), list(itertools.product(NAMES, HOSTILE)), ids=ascii)
def test_names_that_are_meant_to_do_harm(refuse, name, text):
    if name == "data_dir":  # read only for a data set that is prepared there
        refuse([DIGITS, RUN, f"--config.data_dir={text}", "--config.dataset=nowhere"], "nowhere")
    else:
        refuse([DIGITS, RUN, f"--config.{name}={text}"])


@pytest.mark.parametrize("text", [LONG, "a\x1b[31mred", "a\0b", "~no-such-user/a"], ids=ascii)
def test_checkpoints_that_are_meant_to_do_harm(refuse, text):
    # Looked for once the network is there, which takes a second.
    refuse([DIGITS, RUN, "--config.network=mlp", f"--config.checkpoint={text}"])


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize("config", [STUDY, ANALYSIS, EDGE], ids=lambda name: name[-12:])
def test_experiments_meet_the_same_names(refuse, config, text):
    field = {STUDY: "base.network", ANALYSIS: "table", EDGE: "network.name"}[config]
    refuse([config, RUN, f"--config.{field}={text}"])
    refuse([config, RUN, f"--config.experiment={text}"])
    refuse([config, RUN, f"--config.{text}=1"])
