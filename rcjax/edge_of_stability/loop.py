"""Runs the experiment: train, measure, checkpoint, write the record, draw the figures."""

import os
from typing import Any

import numpy as np

from rcjax.edge_of_stability import state as states
from rcjax.edge_of_stability.config import EdgeOfStabilityConfig, typed_config
from rcjax.edge_of_stability.figures import draw_figures
from rcjax.edge_of_stability.measuring import Experiment
from rcjax.edge_of_stability.records import closing_table, make_record
from rcjax.edge_of_stability.state import DIVERGED, FITTED, TRAINING, RunsState
from rcjax.edge_of_stability.validation import check_config
from rcjax.runtime import (
    Interrupted,
    RecordRules,
    StopRequest,
    Workdir,
    describe_devices,
    finite,
    stop_requests,
    write_json,
)
from rcjax.terminal import Bar, say


def run_edge_of_stability(config: Any, workdir: str | os.PathLike) -> dict[str, Any]:
    """Trains all runs of the experiment, measures them as they train, and draws the figures.

    A folder in which the same experiment was interrupted is continued, with the same outcome; one
    in which it is over is not touched: its record is printed and returned.

    Args:
        config: an `ml_collections.ConfigDict` with the fields of `configs/edge_of_stability.py`.
        workdir: folder of the experiment; made if need be.

    Returns:
        The record, as `record.json` holds it; docs/edge_of_stability.md says what is in it.

    Raises:
        UserError: the config or the folder cannot be used; the line says how to mend it.
        Interrupted: the user asked to stop; a checkpoint was saved.
    """
    plain = config.to_dict()
    check_config(plain)
    folder = Workdir(workdir, plain, RecordRules(summarize=closing_table))
    record = folder.finished_record()
    if record is None:
        typed = typed_config(plain)
        experiment = Experiment(typed)
        with folder.claimed(), stop_requests() as stop_requested:
            record = _run_to_the_end(typed, experiment, folder, stop_requested)
    say(closing_table(record, folder.path))
    return record


def _run_to_the_end(
    config: EdgeOfStabilityConfig,
    experiment: Experiment,
    folder: Workdir,
    stop_requested: StopRequest,
) -> dict[str, Any]:
    checkpoint = folder.checkpoints / "state.npz"
    state = states.load(checkpoint)
    say(
        f"{len(experiment.runs)} runs of {config.steps} steps at most on {config.data.name}, "
        f"on {describe_devices()}"
    )
    if state is None:
        state = _first_state(experiment)
    else:
        say(f"resuming after {state.history['step'][-1]} steps")
    folder.claim_for_good()
    folder.metrics.write_text("".join(states.metrics_lines(state.history)), encoding="utf-8")
    display = Bar(config.measurements, state.measurements - 1, "measurement")
    try:
        while state.measurements <= config.measurements and (state.status == TRAINING).any():
            if stop_requested.is_set():
                raise Interrupted(f"interrupted after {state.history['step'][-1]} steps, all saved")
            train_until_next_measurement(config, experiment, state)
            states.save(state, checkpoint)
            with open(folder.metrics, "a", encoding="utf-8") as file:
                file.write(states.metrics_lines(state.history)[-1])
            display.update(state.measurements - 1, _statuses(state))
    finally:
        display.close()
    # For networks without a closed form, only at the end: it takes longer than the training.
    final = {}
    if experiment.network.two_layer is None:
        say("counting regions by the adaptive method")
        final = {"regions": experiment.count_adaptively(state.parameters)}
    record = make_record(config, experiment, state, final)
    draw_figures(config, experiment, state, record, folder.figures)
    # Last of all: a folder with a record is finished.
    write_json(folder.record, record)
    return finite(record)


def _first_state(experiment: Experiment) -> RunsState:
    runs = len(experiment.runs)
    parameters = experiment.initial_parameters()
    history = {name: [values] for name, values in experiment.measure(parameters).items()}
    return RunsState(parameters, np.zeros(runs, int), np.zeros(runs, int), {"step": [0], **history})


def train_until_next_measurement(
    config: EdgeOfStabilityConfig, experiment: Experiment, state: RunsState
) -> None:
    """Trains the active runs for one stretch and measures; changes the state in place.

    A run that has fitted the training set or diverged is not trained further: its last
    measurements are repeated. Those of a diverged run say nothing of where it was going, so they
    become NaN.
    """
    active = state.status == TRAINING
    step = int(state.history["step"][-1])
    moved = experiment.advance(state.parameters, step, active)
    measured = experiment.measure(moved)

    loss = measured["loss"]
    diverged = active & ~(loss <= config.diverged_loss)  # NaN is not below anything
    fitted = active & (loss <= config.fitted_loss)
    step += config.steps // config.measurements
    for name, values in measured.items():
        kept = np.where(active, values, state.history[name][-1])
        state.history[name].append(np.where(diverged, np.nan, kept))
    state.history["step"].append(step)
    state.parameters = {
        name: np.where(
            diverged.reshape(-1, *[1] * (leaf.ndim - 1)), np.asarray(state.parameters[name]), leaf
        )
        for name, leaf in moved.items()
    }
    state.status = np.where(diverged, DIVERGED, np.where(fitted, FITTED, state.status))
    state.steps = np.where(active, step, state.steps)


def _statuses(state: RunsState) -> str:
    counts = {
        "training": int(np.sum(state.status == TRAINING)),
        "fitted": int(np.sum(state.status == FITTED)),
        "diverged": int(np.sum(state.status == DIVERGED)),
    }
    text = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"step {state.history['step'][-1]}: {text}"
