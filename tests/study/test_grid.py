"""The grid: which runs a study's config stands for, and which it cannot stand for."""

import re

import pytest

from rcjax.config.overrides import apply_overrides
from rcjax.errors import UserError
from rcjax.study.grid import find

from .small_studies import planned, small_study

TABLE1 = {
    "grid.network": ("resnet18", "mlp"),
    "grid.learning_rate": (0.1, 0.01, 0.001),
    "grid.batch_size": (20, 10),
    "grid.weight_decay": (1e-5, 1e-6, 1e-7),
    "grid.seed": (0, 1, 2),
}


def names(config):
    return [run.name for run in planned(config)]


def test_all_combinations_in_order_with_readable_names():
    runs = planned(small_study(**TABLE1))
    assert len(runs) == 2 * 3 * 2 * 3 * 3
    assert [run.number for run in runs] == list(range(len(runs)))
    first = "network=resnet18,learning_rate=0.1,batch_size=20,weight_decay=1e-05,seed="
    assert [run.name for run in runs[:3]] == [first + seed for seed in "012"]
    assert all(re.fullmatch(r"[A-Za-z0-9._+=,-]+", run.name) for run in runs)
    assert len({run.name.lower() for run in runs}) == len(runs)
    for run in runs:
        fields = run.config.fields()
        assert all(fields[axis] == value for axis, value in run.axes.items())
        sections = {name.split(".")[0] for name in fields if "." in name}
        assert sections == {"regions", "streaming"}  # of the run; those of the study stay behind


def test_names_do_not_depend_on_the_rest_of_the_grid_or_its_order():
    whole = names(small_study(**TABLE1))
    narrow = small_study(**dict(reversed(TABLE1.items())))
    apply_overrides(narrow, {"grid.learning_rate": "0.01", "grid.seed": "2,1"})
    assert len(names(narrow)) == 2 * 1 * 2 * 3 * 2
    assert set(names(narrow)) < set(whole)


def test_an_axis_may_be_any_field():
    config = small_study(
        **{"grid.regions.extent": ((0.0, 1.0), (-1.0, 2.0)), "grid.random_flip": (False, True)}
    )
    runs = planned(config)
    assert runs[-1].name == "learning_rate=0.01,random_flip=True,regions.extent=-1.0_2.0,seed=1"
    assert runs[-1].config.regions.extent == (-1.0, 2.0)


def test_a_run_is_found_by_number_or_name():
    runs = planned(small_study())
    assert find(runs, "3") is runs[3]
    assert find(runs, runs[2].name) is runs[2]
    with pytest.raises(UserError, match=r"no run '4'; give a number from 0 to 3, or a name such"):
        find(runs, "4")


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        (
            "run",
            "",
            r"--config.run is empty \(is a variable .* number or name, or leave the field out",
        ),
        ("grid.foo", "1", "grid.foo is no field of a run; any field of a run can be an axis, such"),
        ("grid.points", "9", "did you mean grid.regions.points"),
        ("grid.executor.name", "ray", "grid.executor.name is no field of a run"),
        (
            "grid.regions.extent",
            "0,1",
            r"extent cannot be set on the command line.*\(\(0, 1\), \(-",
        ),
    ],
)
def test_words_that_no_study_takes(field, text, message):
    with pytest.raises(UserError, match=message) as raised:
        apply_overrides(small_study(), {field: text})
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"grid.learning_rate": None, "grid.seed": None}, "grid has no axes, so there are no runs"),
        ({"grid.seed": ()}, "grid.seed has no values, so there are no runs"),
        ({"grid.seed": (0, 1, 0)}, "grid.seed holds 0 twice, so settings would be repeated"),
        ({"grid.learning_rate": (1, 1.0)}, "grid.learning_rate holds 1.0 twice"),
        ({"grid.seed": 3}, r"grid.seed must be a tuple of values, got 3.*\(3,\)"),
        (
            {"grid.seeds": (0, 1)},
            "grid.seeds is no field of a run; any .* can be an axis, .*did you mean grid.seed",
        ),
        ({"grid.executor.name": ("ray",)}, "grid.executor.name is no field of a run"),
        ({"grid.seed": (0, "one")}, "run 1 of the grid .*seed must be of type int, got 'one'"),
        ({"grid.learning_rate": (0.1, -1)}, r"run 2 .*learning_rate=-1.0.*must be positive"),
        ({"grid.network": ("mlp", "net")}, "unknown network 'net'; known"),
        pytest.param(
            {"grid.seed": tuple(range(60_000))},
            r"grid has 120000 runs \(2 learning_rate x 60000 seed\); at most 100000",
            id="many",
        ),
        ({"grid.data_dir": ("a/b", "a b")}, "would share the folder .*data_dir=a-b"),
        ({"grid.data_dir": ("a" * 200,)}, "characters, at most 200 are possible"),
        ({"learning_rat": 1}, "fields that nothing reads: learning_rat"),
        ({"executor.name": "slurm"}, "unknown executor.name 'slurm'; known: in_process, processes"),
        ({"executor.workers": -1}, "executor.workers must be at least 0, at most 10000, got -1"),
        ({"executor.cpus_per_run": 0.0}, "executor.cpus_per_run must be at least 0.01, at most 1"),
        (
            {"executor.gpus_per_run": 0.3},
            "3 runs would fit and leave 0.1 of a GPU to nobody; take 0.25 "
            "for 4 runs, or 0.3333 for 3",
        ),
        ({"executor.gpus_per_run": 0.7}, "1 run would fit and leave 0.3 of a GPU to nobody"),
        ({"executor.gpus_per_run": 1.5}, "gpus_per_run must be a whole number, or one divided by"),
        ({"executor.workers": 1.5}, "executor.workers must be of type int, got 1.5"),
        ({"report_every": -1.0}, "report_every must be at least 0, got -1.0"),
        ({"report_only": True, "run": "0"}, "report_only makes no run.*; leave out run"),
        ({"report.confidence": 1.0}, "report.confidence must be above 0 and below 1, got 1.0"),
        ({"variants.plane.dim": 9}, "variant plane of run learning_rate=0.1,seed=0: .*dim must be"),
        ({"variants.plane.every": 9}, "variants.plane has fields that nothing reads: every"),
        ({"variants.plane": 2}, "variants.plane must be a section, got 2"),
    ],
)
def test_bad_studies_are_one_clear_line(fields, message):
    with pytest.raises(UserError, match=message) as raised:
        planned(small_study(**fields))
    assert "\n" not in str(raised.value)
