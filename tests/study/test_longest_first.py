"""Jobs begin with the longest, and the time left is told by work."""

import io
import itertools

import jax
import pytest

from rcjax.study.jobs import make_job
from rcjax.study.longest_first import longest_first
from rcjax.terminal import Bar
from rcjax.training import Seconds

from .small_studies import planned, small_study

GRID = {"grid.learning_rate": (0.1,), "grid.width": (4, 16, 8)}


def ordered(tmp_path, taken=(), **fields):
    runs = planned(small_study(**{**GRID, **fields}))
    jobs = [make_job(run, tmp_path) for run in runs]
    configs = {run.name: run.config for run in runs}
    seconds = {run.name: Seconds(training=taken[run.config.width]) for run in runs
               if run.config.width in taken and run.config.seed == 0}  # fmt: skip
    return longest_first(jobs, configs, seconds)


def widths(found):
    return [(job.config.width, job.config.seed) for job in found.jobs]


def test_wider_networks_and_more_epochs_come_first(tmp_path):
    expected = list(itertools.product((16, 8, 4), (0, 1)))
    assert widths(ordered(tmp_path)) == expected
    found = ordered(tmp_path, **{"grid.epochs": (1, 100)})
    assert [job.config.epochs for job in found.jobs[:6]] == [100] * 6


def test_what_runs_took_decides_before_their_size(tmp_path):
    found = ordered(tmp_path, taken={4: 90.0, 8: 5.0, 16: 20.0})
    assert widths(found) == list(itertools.product((4, 16, 8), (0, 1)))
    # A program of which no run is over counts in the seconds of the others.
    found = ordered(tmp_path, taken={4: 1.0})
    assert widths(found) == list(itertools.product((16, 8, 4), (0, 1)))


def test_equal_work_keeps_its_order_and_shares_add_up(tmp_path):
    found = ordered(tmp_path, **{"grid.width": None, "grid.seed": (3, 1, 2)})
    assert [job.config.seed for job in found.jobs] == [3, 1, 2]
    names = [job.name for job in found.jobs]
    assert found.share(names) == pytest.approx(0.0)
    assert found.share(names[:1]) == pytest.approx(2 / 3)
    assert found.share(()) == 1.0


def test_ordering_takes_no_device(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a driver must leave the devices to its workers")

    monkeypatch.setattr(jax._src.xla_bridge, "backends", refuse)
    ordered(tmp_path, **{"grid.width": (5, 7)})


def test_time_left_is_told_by_work():
    shown = io.StringIO()
    bar = Bar(4, 0, "run", stream=shown, share=0.0)
    bar._start -= 60.0  # a minute for the run that is three quarters of the work
    bar.update(1, "first", share=0.75)
    assert "run 1/4: first" in shown.getvalue()
    assert "0:20 left" in shown.getvalue()
