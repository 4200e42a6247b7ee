"""A study as a whole: what is missing is made, what is damaged is named, nothing is lost."""

import functools
import json
import math
import shlex
import signal
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from scipy.stats import entropy

from rcjax.config import ReportSection
from rcjax.errors import InUseError, UserError
from rcjax.launch import main
from rcjax.report import About
from rcjax.runtime.interruption import Interrupted
from rcjax.runtime.workdir import Workdir
from rcjax.statistics import read_table
from rcjax.study import run_study
from rcjax.study.report_process import ReportRequest
from rcjax.study.reporting import report_rows
from rcjax.study.tools import TOOLS
from rcjax.training import load_finished_run, train
from rcjax.training.counting import sample_slices
from rcjax.training.experiment import Experiment

from .small_studies import (
    REPOSITORY,
    UNDRAWN,
    leave_record,
    make_record,
    planned,
    pretend_to_train,
    small_study,
    write_config,
    write_only_numbers,
)

QUICK = TOOLS._replace(train=pretend_to_train, write_report=write_only_numbers)


def run_quick(config, folder, command=(), **tools):
    """A study in which nothing is trained or drawn, unless by the tools that are given."""
    return run_study(config, folder, command, tools=QUICK._replace(**tools))


@pytest.fixture
def trained():
    """The names of the runs that `run` would have trained."""
    return []


@pytest.fixture
def run(trained):
    """Runs a study in which nothing is trained or drawn, and notes the runs in `trained`."""

    def train(config, folder):
        trained.append(folder.name)
        return pretend_to_train(config, folder)

    return functools.partial(run_quick, train=train)


def records(workdir):
    return {path.parent.name: path.read_bytes() for path in workdir.glob("runs/*/record.json")}


def statuses(workdir):
    report = json.loads((workdir / "report.json").read_text())
    return {run["name"]: run["status"] for run in report["runs"]}


def messages(workdir):
    report = json.loads((workdir / "report.json").read_text())
    return {run["name"]: run["message"] for run in report["runs"] if run["message"]}


def change(file, *names, value):
    """Writes another value into a file of JSON."""
    content = json.loads(file.read_text())
    inner = content
    for name in names[:-1]:
        inner = inner[name]
    inner[names[-1]] = value
    file.write_text(json.dumps(content))


def test_real_runs_and_their_variants(tmp_path):
    names = "parameter_norm,output_margin,train_loss,seed_disagreement,region_entropy"
    fields = {"variants.finer.points": 20, "measures.names": names}
    config = small_study(**{"grid.learning_rate": (0.1,), **fields})
    report = run_study(config, tmp_path, (), tools=UNDRAWN)
    assert report["status"] == "completed"
    (first, second) = report["runs"]
    assert (first["seed"], second["seed"]) == (0, 1)
    assert first["settings"]["learning_rate"] == 0.1
    assert set(first["measures"]) == {"region_count", "region_count: finer", *names.split(",")}
    assert first["measures"]["parameter_norm"] > 0

    folder = tmp_path / "runs" / first["name"]
    record = json.loads((folder / "record.json").read_text())
    assert first["measures"]["region_count"] == record["region_count"]["mean"]
    variant = json.loads((folder / "variants.json").read_text())["finer"]
    assert variant["mean"] == first["measures"]["region_count: finer"]
    assert variant["regions"]["points"] == 20
    # Both seeds are tested on the same images: they disagree on as many, and on no fewer than
    # their accuracies differ by.
    labels = [
        json.loads((tmp_path / "runs" / run["name"] / "test_labels.json").read_text())
        for run in (first, second)
    ]
    differing = 100 * np.mean(np.array(labels[0]["labels"]) != labels[1]["labels"])
    for run, predicted in zip((first, second), labels, strict=True):
        assert run["measures"]["seed_disagreement"] == pytest.approx(differing)
        halves, size = predicted["accuracy_of_halves"], len(predicted["labels"])
        whole = ((size + 1) // 2 * halves[0] + size // 2 * halves[1]) / size
        assert whole == pytest.approx(run["test_accuracy"])
    assert first["measures"]["train_loss"] == record["history"][-1]["train_loss"]
    # Labels at the 10 points of a slice change half way between two of them.
    trained = load_finished_run(planned(config)[0].config, folder)
    anchors = sample_slices(trained.dataset, trained.config.regions, first["seed"])
    along = np.linspace(0, 1, 10)[:, None, None, None]
    entropies = []
    for start, end in anchors:
        labels = trained.experiment.logits(trained.state, start + along * (end - start)).argmax(1)
        changes = np.flatnonzero(np.diff(labels)) + 0.5
        entropies.append(entropy(np.diff([0, *changes, 9])))
    assert first["measures"]["region_entropy"] == pytest.approx(np.mean(entropies), abs=1e-6)
    # Finer points on the same slices find no fewer regions.
    finer = zip(variant["counts"], record["region_count"]["counts"], strict=True)
    assert all(more >= fewer for more, fewer in finer)


def test_only_gaps_are_filled(tmp_path, run, trained):
    run(small_study(**{"grid.seed": (1,)}), tmp_path)
    assert len(trained) == 2
    before = records(tmp_path)
    run(small_study(), tmp_path)
    assert len(trained) == 4
    assert before.items() < records(tmp_path).items()
    assert len(records(tmp_path)) == 4
    run(small_study(), tmp_path)
    assert len(trained) == 4
    run(small_study(**{"grid.seed": (0,)}), tmp_path)
    assert len(trained) == 4
    assert len(statuses(tmp_path)) == 2


def test_a_single_run_and_no_report(tmp_path, run, trained):
    record = run(small_study(run="2"), tmp_path)
    assert record["config"]["learning_rate"] == 0.01
    assert trained == ["learning_rate=0.01,seed=0"]
    assert not (tmp_path / "report.json").exists()


def test_a_report_of_what_is_there_while_the_study_goes_on(tmp_path, capsys):
    seen = []

    def train(config, folder):
        record = pretend_to_train(config, folder)
        if not seen:  # from within the first run: the folder of the study is claimed
            seen.append(run_quick(small_study(report_only=True), tmp_path))
        return record

    with pytest.raises(UserError, match="holds no runs to report; start the study first"):
        run_quick(small_study(report_only=True), tmp_path / "none")
    report = run_quick(small_study(), tmp_path, train=train)
    assert Counter(run["status"] for run in seen[0]["runs"]) == {"completed": 1, "missing": 3}
    assert (
        json.loads((tmp_path / "report_so_far" / "report.json").read_text())["runs"]
        == (seen[0]["runs"])
    )
    assert {run["status"] for run in report["runs"]} == {"completed"}
    assert run_quick(small_study(report_only=True), tmp_path)["runs"] == report["runs"]
    assert "4 of 4 runs are over; report in" in capsys.readouterr().out


class ReportAside:
    """Stands in for the process of a report, which takes until `code` says that it is over."""

    going_on: ClassVar[list["ReportAside"]] = []

    def __init__(self, request, log, environment):
        assert not self.going_on  # two would write the same files
        self.going_on.append(self)
        self.looks = 0
        self.request = ReportRequest.from_json(request.to_json())
        over = list(Path(request.workdir).glob("runs/*/record.json"))
        self.reported.append((len(over), dict(self.request.failures)))

    def code(self):
        self.looks += 1
        return self.ends if self.looks > self.takes else None

    def end(self):
        self.going_on.remove(self)


def test_the_driver_reports_now_and_then_and_waits_for_no_report(tmp_path, capsys):
    def reports(folder, takes, ends=0, note=None, **tools):
        class Aside(ReportAside):
            reported: ClassVar[list] = [] if note is None else note

        Aside.takes, Aside.ends = takes, ends
        run_quick(small_study(report_every=1e-9), folder, report_aside=Aside, **tools)
        assert not ReportAside.going_on
        return Aside.reported

    # One that is over before the next run ends, and one that takes two runs.
    assert [over for over, _ in reports(tmp_path / "quick", 0)] == [1, 2, 3, 4]
    assert [over for over, _ in reports(tmp_path / "slow", 1)] == [1, 3]

    assert [over for over, _ in reports(tmp_path / "never", 9)] == [1]

    def refuse_first(config, folder):
        if config.seed == 0 and config.learning_rate == 0.1:
            raise UserError("no disk")
        return pretend_to_train(config, folder)

    # What failed, the records do not say; a report that fails stops nothing.
    reported: list = []
    with pytest.raises(UserError, match="1 of 4 runs are incomplete"):
        reports(tmp_path / "failing", 0, ends=1, train=refuse_first, note=reported)
    assert reported[0] == (0, {"learning_rate=0.1,seed=0": "no disk"})
    assert "the report so far could not be written" in capsys.readouterr().out

    def none(*_):
        raise AssertionError("within the hour")

    run_quick(small_study(report_every=60.0), tmp_path / "hourly", report_aside=none)


@pytest.mark.slow
def test_runs_go_on_while_a_process_reports(tmp_path):
    written = []

    def train(config, folder):
        record = pretend_to_train(config, folder)
        report = tmp_path / "report.json"
        if len(list(tmp_path.glob("runs/*/record.json"))) == 4:
            until = time.monotonic() + 600
            while not report.exists():  # only the other process can write it by now
                assert time.monotonic() < until
                time.sleep(0.05)
            written.append(json.loads(report.read_text()))
        return record

    report = run_quick(small_study(report_every=1e-9), tmp_path, train=train)
    assert Counter(run["status"] for run in written[0]["runs"])["completed"] in (1, 2, 3, 4)
    assert Counter(run["status"] for run in report["runs"]) == {"completed": 4}
    assert "of 4 runs are over" in (tmp_path / "logs" / "report.txt").read_text()


def test_another_config_is_refused_before_anything_runs(tmp_path, run, trained):
    run(small_study(run="3"), tmp_path)
    with pytest.raises(UserError, match=r"0.01,seed=1 was made with another.*epochs: 2 -> 3"):
        run(small_study(epochs=3), tmp_path)
    assert len(trained) == 1


def test_runs_of_another_study_are_refused_and_those_of_a_wider_grid_told(
    tmp_path, run, trained, capsys
):
    run(small_study(), tmp_path)
    del trained[:]
    # Another axis changes all names; without the check, two recipes would lie side by side.
    other = {"grid.momentum": (0.9, 0.5), "grid.seed": (0,)}
    with pytest.raises(UserError, match=r"runs of another study, such as \S+ \(epochs: 2 -> 7\)"):
        run(small_study(epochs=7, **other), tmp_path)
    assert not trained
    capsys.readouterr()
    run(small_study(**other), tmp_path)
    assert f"4 more runs lie in {tmp_path}; they are not of this grid" in capsys.readouterr().out
    assert len(trained) == 4


def test_damaged_records_are_named_and_made_again_on_request(tmp_path, run, capsys):
    run(small_study(), tmp_path)
    whole = records(tmp_path)
    name = "learning_rate=0.1,seed=1"
    file = tmp_path / "runs" / name / "record.json"
    file.write_bytes(whole[name][:100])
    capsys.readouterr()
    damaged = rf"^1 of 4 runs is damaged, {name}; --config.rerun_damaged=true makes it again"
    with pytest.raises(UserError, match=damaged):  # exit code 2: a batch driver can tell
        run(small_study(), tmp_path)
    out = capsys.readouterr().out
    assert f"run {name}: " in out
    assert "is damaged" in out
    assert "--config.rerun_damaged=true" in out
    assert statuses(tmp_path)[name] == "damaged"
    assert file.read_bytes() == whole[name][:100]

    run(small_study(rerun_damaged=True), tmp_path)
    assert records(tmp_path) == whole
    assert file.with_name("record.json.damaged1").read_bytes() == whole[name][:100]
    assert set(statuses(tmp_path).values()) == {"completed"}


def test_record_of_another_run_is_damaged(tmp_path, run):
    run(small_study(), tmp_path)
    whole = records(tmp_path)
    name, other = "learning_rate=0.01,seed=1", "learning_rate=0.1,seed=1"
    (tmp_path / "runs" / name / "record.json").write_bytes(whole[other])
    with pytest.raises(UserError, match=f"1 of 4 runs is damaged, {name}"):
        run(small_study(), tmp_path)
    assert statuses(tmp_path)[name] == "damaged"
    said = "(it is the record of another run, learning_rate: 0.1 there, 0.01 here)"
    assert messages(tmp_path)[name].endswith(said)
    run(small_study(rerun_damaged=True), tmp_path)
    assert records(tmp_path) == whole


def test_older_record_lacks_a_field_that_came_into_being_since(tmp_path, run):
    report = run(small_study(), tmp_path)
    for file in tmp_path.glob("runs/*/record.json"):
        content = json.loads(file.read_text())
        del content["config"]["regions"]["connectivity"], content["config"]["mixup"]
        file.write_text(json.dumps(content))
    assert run(small_study(), tmp_path)["runs"] == report["runs"]


@pytest.mark.parametrize(
    ("names", "value", "reason"),
    [
        (["history"], None, "history is null, not a list"),
        (["history"], [1], "entry 0 of history: it is 1, not a section"),
        (["history", 0, "epoch"], "2", 'entry 0 of history: epoch is "2", not a whole number'),
        (["history", 0, "region_count"], 3, "entry 0 of history: region_count is 3, not a section"),
        (["versions"], [1], "versions is [1], not a section"),
        (["test_accuracy"], 9000, "test_accuracy is 9000, not a number from 0 to 100"),
        (["train_accuracy"], True, "train_accuracy is true, not a number from 0 to 100"),
        (
            ["generalization_gap"],
            -3.0,
            "generalization_gap is -3, but the accuracies differ",
        ),
        (["region_count", "mean"], "2", 'region_count.mean is "2", not a number from 1 on'),
        (["region_count", "standard_error"], {}, "region_count.standard_error is {}, not a number"),
        (["region_count"], [], "region_count is [], not a section"),
        (["test_accuracy"], None, "test_accuracy is null, but the status is completed"),
    ],
)
def test_record_with_wrong_content_is_damaged(tmp_path, run, names, value, reason):
    study = small_study(**{"grid.learning_rate": (0.1,)})
    run(study, tmp_path)
    name = "learning_rate=0.1,seed=0"
    change(tmp_path / "runs" / name / "record.json", *names, value=value)
    with pytest.raises(UserError, match=f"1 of 2 runs is damaged, {name}"):
        run(study, tmp_path)
    assert f"record.json is damaged ({reason}" in messages(tmp_path)[name]
    assert list(statuses(tmp_path).values()) == ["damaged", "completed"]


def test_damaged_config_of_a_run_sets_its_folder_aside(tmp_path, run, trained):
    run(small_study(), tmp_path)
    whole = records(tmp_path)
    folder = tmp_path / "runs" / "learning_rate=0.1,seed=1"
    (folder / "config.json").write_text("{")
    run(small_study(rerun_damaged=True), tmp_path)
    assert (folder.with_name(folder.name + ".damaged1") / "record.json").exists()
    assert len(trained) == 5
    assert {name: whole[name] for name in whole} == {
        name: content for name, content in records(tmp_path).items() if "damaged" not in name
    }


def test_one_failing_run_does_not_stop_the_others(tmp_path):
    def train(config, folder):
        if config.learning_rate == 0.1 and config.seed == 0:
            raise UserError("data set cifar10 is missing; prepare it")
        if config.learning_rate == 0.1:
            raise MemoryError("no room\nfor more")
        return pretend_to_train(config, folder)

    with pytest.raises(UserError, match=r"2 of 4 runs are incomplete, the first .*cifar10 is miss"):
        run_quick(small_study(), tmp_path, train=train)
    assert list(statuses(tmp_path).values()) == ["missing"] * 2 + ["completed"] * 2
    assert len(records(tmp_path)) == 2
    assert "for more" in (tmp_path / "logs" / "learning_rate=0.1,seed=1.txt").read_text()
    assert run_quick(small_study(), tmp_path)["status"] == "completed"


def test_diverged_runs_are_listed_and_have_no_numbers(tmp_path):
    nothing = {
        "status": "diverged",
        **dict.fromkeys(("train_accuracy", "test_accuracy", "generalization_gap")),
        "region_count": dict.fromkeys(("mean", "standard_error", "counts")),
    }

    def train(config, folder):
        if config.learning_rate == 0.1:
            return leave_record(config, folder, make_record(config, **nothing))
        return pretend_to_train(config, folder)

    finer = small_study(**{"variants.finer.points": 20}, run="0")
    report = run_quick(finer, tmp_path, train=train)
    assert report["status"] == "diverged"
    assert not list(tmp_path.glob("runs/*/variants.json"))
    report = run_quick(small_study(), tmp_path, train=train)
    assert report["status"] == "completed"
    assert list(statuses(tmp_path).values()) == ["diverged"] * 2 + ["completed"] * 2
    assert report["runs"][0]["measures"] == {}


def test_versions_that_differ_are_told(tmp_path, capsys):
    def train(config, folder):
        versions = {"jax": f"1.{config.seed}", "numpy": "2.0"}
        return leave_record(config, folder, make_record(config, versions=versions))

    run_quick(small_study(), tmp_path, train=train)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "different" in line]
    assert line.startswith("the runs were made with different jax: 1.0 (2 runs, among them lea")
    assert "1.1 (2 runs" in line


def test_interrupted_study_goes_on_where_it_was(tmp_path):
    def train(config, folder):
        if config.seed == 1:
            raise Interrupted("interrupted after 1 epochs, all saved")
        return pretend_to_train(config, folder)

    with pytest.raises(Interrupted, match="with 1 of 4 runs done, 1 stopped, checkpoint saved"):
        run_quick(small_study(), tmp_path, train=train)
    assert not (tmp_path / "report.json").exists()
    assert run_quick(small_study(), tmp_path)["status"] == "completed"
    assert len(records(tmp_path)) == 4


class Signalled(Experiment):
    """An experiment that gets a signal after its last epoch, while its figures are drawn."""

    def draw(self, *_):
        signal.raise_signal(signal.SIGTERM)


def signalled_before(config, dataset):
    signal.raise_signal(signal.SIGTERM)
    return Experiment(config, dataset)


@pytest.mark.parametrize(
    ("make", "made"),
    [
        pytest.param(signalled_before, 0, id="while the data set is read"),
        pytest.param(Signalled, 1, id="after the last epoch"),
    ],
)
def test_a_signal_at_any_moment_stops_the_study(tmp_path, make, made):
    with pytest.raises(Interrupted, match=f"interrupted with {made} of 4 runs done"):
        run_quick(small_study(), tmp_path, train=functools.partial(train, make=make))
    assert len(records(tmp_path)) == made
    assert len(list(tmp_path.glob("runs/*/checkpoints/*"))) == 2 * made  # of its two epochs


def test_measures_are_left_for_later_when_asked_to_stop(tmp_path):
    def train(config, folder):
        signal.raise_signal(signal.SIGTERM)
        return pretend_to_train(config, folder)

    study = small_study(**{"measures.names": "parameter_norm"})
    with pytest.raises(Interrupted, match="with 1 of 4 runs done, 1 stopped, checkpoint saved"):
        run_quick(study, tmp_path, train=train)


def nothing_read_back(config, folder):
    return None


def test_measures_are_kept_one_by_one(tmp_path):
    computed = []

    def measure(network, names, examples, note):
        for name in names:
            computed.append(name)
            if computed == ["path_norm", "hessian_trace"]:
                signal.raise_signal(signal.SIGTERM)
            note(name, 7.0)

    study = small_study(
        **{"grid.seed": (0,), "grid.learning_rate": (0.1,)},
        **{"measures.names": "path_norm,hessian_trace,sam_sharpness"},
    )
    tools = {"read_back": nothing_read_back, "measure": measure}
    with pytest.raises(Interrupted):
        run_quick(study, tmp_path, **tools)
    (found,) = run_quick(study, tmp_path, **tools)["runs"]
    assert computed == ["path_norm", "hessian_trace", "sam_sharpness"]
    assert found["measures"].keys() >= set(computed)


def test_a_run_in_use_is_left_to_the_other_process(tmp_path):
    config = small_study()
    name = "learning_rate=0.1,seed=1"
    with Workdir(tmp_path / "runs" / name, {}).claimed():
        with pytest.raises(UserError, match=r"1 of 4 runs are incomplete.*in use by another"):
            run_quick(config, tmp_path, lock_wait=0.0)
        assert statuses(tmp_path)[name] == "missing"
    run_quick(config, tmp_path)
    assert set(statuses(tmp_path).values()) == {"completed"}


def test_a_process_waits_once_for_all_its_runs_in_use(tmp_path):
    def train(config, folder):
        attempts[folder.name] += 1
        if lets_go[folder.name] >= attempts[folder.name]:
            raise InUseError("in use")
        return pretend_to_train(config, folder)

    first, *others = (
        f"learning_rate={rate},seed={seed}" for rate in (0.1, 0.01) for seed in (0, 1)
    )
    # The process that is just ending lets go of the run in a moment.
    attempts, lets_go = Counter(), Counter({first: 1})
    found = run_quick(small_study(run="0"), tmp_path / "single", train=train)
    assert found["status"] == "completed"
    assert attempts == {first: 2}

    attempts, lets_go = Counter(), Counter(dict.fromkeys((first, *others), 1000))
    with pytest.raises(UserError, match="4 of 4 runs are incomplete"):
        run_quick(small_study(), tmp_path / "all", train=train, lock_wait=0.4)
    assert attempts == {first: 2} | dict.fromkeys(others, 1)


def test_measures_are_computed_when_they_are_missing_and_only_then(tmp_path, run, trained):
    computed = []

    def measure(network, names, examples, note):
        computed.append((tuple(names), examples))
        for name in names:
            note(name, math.nan if name == "path_norm" else 7.0)

    one = {"grid.seed": (0,), "grid.learning_rate": (0.1,)}

    def study(**fields):
        computed.clear()
        config = small_study(**one, **fields)
        (found,) = run(config, tmp_path, read_back=nothing_read_back, measure=measure)["runs"]
        return found["measures"].keys() - {"region_count"}

    first = {"measures.names": "path_norm,hessian_trace"}
    assert study(**first) == {"hessian_trace"}  # the path norm is not defined
    assert computed == [(("path_norm", "hessian_trace"), 1000)]
    study(**first)
    assert computed == []
    assert study(**{"measures.names": "hessian_trace,sam_sharpness"}) == {
        "hessian_trace",
        "sam_sharpness",
    }
    assert computed == [(("sam_sharpness",), 1000)]
    study(**first)
    assert computed == []
    study(**first, **{"measures.examples": 5})
    assert computed == [(("path_norm", "hessian_trace"), 5)]
    (file,) = tmp_path.glob("runs/*/measures.json")
    file.write_text('{"measures":')
    study(**first, **{"measures.examples": 5})
    assert computed == [(("path_norm", "hessian_trace"), 5)]
    assert file.with_name("measures.json.damaged1").read_text() == '{"measures":'
    assert len(trained) == 1 + 3  # looked at four times, made once
    with pytest.raises(UserError, match=r"measures.names: unknown measure 'norm'; known: all, par"):
        study(**{"measures.names": "norm"})


@pytest.mark.parametrize(
    ("names", "value", "reason"),
    [
        (["finer", "mean"], "2", "the mean of finer is no number"),
        (["finer"], {"mean": 2.0}, "finer does not say how it was counted"),
        (["measures", "path_norm"], "7", "path_norm is no number"),
        (["measures"], None, "it has no section measures"),
    ],
)
def test_measurements_with_wrong_content_are_set_aside_and_computed_anew(
    tmp_path, names, value, reason
):
    class Counted:
        def count(self, regions):
            return SimpleNamespace(mean=2.0, standard_error=0.5, counts=[2])

    def run(study):
        return run_quick(
            study,
            tmp_path,
            read_back=lambda config, folder: Counted(),
            measure=lambda network, names, examples, note: note(*names, 7),
        )

    study = small_study(
        **{"grid.seed": (0,), "grid.learning_rate": (0.1,)},
        **{"variants.finer.points": 20, "measures.names": "path_norm"},
    )
    (found,) = run(study)["runs"]
    assert {"path_norm", "region_count: finer"} <= found["measures"].keys()
    kind = "variants" if names[0] == "finer" else "measures"
    file = tmp_path / "runs" / found["name"] / f"{kind}.json"
    whole = file.read_text()
    change(file, *names, value=value)
    wrong = file.read_text()
    assert run(study)["runs"] == [found]
    assert file.read_text() == whole
    assert file.with_name(f"{file.name}.damaged1").read_text() == wrong
    log = (tmp_path / "logs" / f"{found['name']}.txt").read_text()
    assert f"{file.name} is damaged ({reason}); it is computed anew; the damaged file is" in log


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([2.0, 3.0], "correlations need at least 3 settings with numbers, there"),
        ([2.0, 2.0, 2.0], "the measure is constant over the settings"),
    ],
)
def test_why_there_is_no_correlation_is_printed(tmp_path, capsys, counts, reason):
    table = tmp_path / "table.csv"
    lines = [f"mlp,{0.1 / 2**i},100,{90 - i},{count}" for i, count in enumerate(counts)]
    lines += [f"vgg,{0.1 / 2**i},100,{90 - i},{3 + i}" for i in range(4)]
    header = "network,learning_rate,train_accuracy,test_accuracy,region_count"
    table.write_text("\n".join([header, *lines]))
    options = ReportSection(bootstrap_samples=10)
    report_rows(read_table(table), About(), options, tmp_path, QUICK)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "no correlation" in line]
    assert line.startswith(f"mlp: no correlation of region count and gap ({reason}")


def test_a_table_is_analysed_like_a_study(tmp_path, capsys):
    rates = (0.1, 0.05, 0.02, 0.01)
    lines = [f"mlp,{rate},100,{90 + 20 * rate},{3 - 5 * rate}" for rate in rates]
    table = tmp_path / "table.csv"
    header = "network,learning_rate,train_accuracy,test_accuracy,region_count"
    table.write_text("\n".join([header, *lines]))
    command = ["launch.py", f"--config={REPOSITORY}/configs/analyze.py:quick"]
    command += [f"--workdir={tmp_path / 'report'}", f"--config.table={table}"]
    assert main(command) == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["networks"]["mlp"]["pearson"] == pytest.approx(1)
    assert report["networks"]["mlp"]["settings"] == 4
    assert (tmp_path / "report" / "report.html").exists()
    said = "read as hyperparameters: learning_rate; as measures: region_count\n"
    assert said in capsys.readouterr().out

    assert main([*command, "--config.report.fitted_accuracy=90"]) == 0  # only the table is fixed
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["config"]["report"]["fitted_accuracy"] == 90

    assert main([*command, "--config.table=nowhere.csv"]) == 2
    assert "no table 'nowhere.csv'" in capsys.readouterr().err
    assert main([*command, "--config.report.confidence=2"]) == 2
    assert "report.confidence must be above 0 and below 1" in capsys.readouterr().err
    (tmp_path / "other.csv").write_text(table.read_text())
    assert main([*command, f"--config.table={tmp_path / 'other.csv'}"]) == 2
    assert "was made with another config (table: " in capsys.readouterr().err
    assert main(["launch.py", f"--config={REPOSITORY}/configs/analyze.py", "--workdir=w"]) == 2
    assert "config field table names no file; set --config.table=FILE" in capsys.readouterr().err


def test_two_drivers_do_not_share_a_study(tmp_path, run, trained):
    with Workdir(tmp_path, {}).claimed():
        with pytest.raises(UserError, match="in use by another process"):
            run(small_study(), tmp_path)
        run(small_study(run="1"), tmp_path)
    assert len(trained) == 1


@pytest.mark.parametrize("executor", ["in_process", "commands"])
def test_workdir_that_is_a_file_is_refused(tmp_path, executor):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UserError, match="file is a file; give a folder"):
        run_quick(small_study(**{"executor.name": executor}), tmp_path / "file")


def test_folder_of_a_single_run_is_refused(tmp_path, run):
    pretend_to_train(small_study(), tmp_path)
    with pytest.raises(UserError, match="it is the folder of a single run; choose another"):
        run(small_study(), tmp_path)


def test_commands_that_are_printed_make_the_runs(tmp_path, run, trained, capsys, monkeypatch):
    write_config(tmp_path / "o:wn.py", small_study())
    monkeypatch.setattr("rcjax.study.run_study", run)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    words = ["launch.py", "--config=o:wn.py", "--workdir", "~/it is"]
    words += ["--config.grid.learning_rate=0.1"]
    assert main([*words, "--config.run=0"]) == 0
    capsys.readouterr()
    printing = ["--config.executor.name", "commands"]
    assert main([*words, *printing]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("# 1 of 2 runs are missing")
    assert any("$SLURM_ARRAY_TASK_ID" in line for line in lines)
    (command,) = [line for line in lines if not line.startswith("#")]
    assert len(trained) == 1  # it ran nothing
    _, *argv = shlex.split(command)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(argv) == 0
    assert trained == ["learning_rate=0.1,seed=0", "learning_rate=0.1,seed=1"]
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert main([*words, *printing]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line == "# None of 2 runs is missing; the study's own command writes the report."
    assert main(words) == 0
    assert len(trained) == 2
    (tmp_path / "it is" / "runs" / trained[0] / "record.json").write_text("{")
    assert main([*words, "--config.executor.name", "commands"]) == 2
    assert f"1 of 2 runs is damaged, {trained[0]}; another exec" in capsys.readouterr().err
    with pytest.raises(UserError, match="there is none; start the study by launch"):
        run(small_study(**{"executor.name": "commands"}), tmp_path / "other")
