"""Experiments made of many runs; the config's field `experiment` names one."""

import os
from collections.abc import Sequence
from typing import Any

from rcjax.errors import UserError
from rcjax.runtime import own_jax_settings

NAMES = ("study", "analyze", "edge_of_stability")


@own_jax_settings()
def plan_run(config: Any, workdir: str | os.PathLike) -> dict[str, Any]:
    """Says what a training run will cost, and makes nothing of it; a study has a field for that.

    Args:
        config: an `ml_collections.ConfigDict` with the fields of a run.
        workdir: folder of the run; nothing is written there.

    Returns:
        The plan, with "status" "completed".

    Raises:
        UserError: the config is of another experiment, or cannot be run.
    """
    if "experiment" in config:
        raise UserError(
            f"dry_run is for training runs and studies of them; experiment = {config.experiment} "
            "makes none, leave dry_run out"
        )
    from rcjax.study import dry_run_of_run

    return dry_run_of_run(config, workdir)


@own_jax_settings()
def run_experiment(
    config: Any, workdir: str | os.PathLike, command: Sequence[str] = ()
) -> dict[str, Any]:
    """Runs the experiment that `config.experiment` names.

    Args:
        config: an `ml_collections.ConfigDict` with a field `experiment`.
        workdir: folder of the experiment; made if need be.
        command: the words of the command line, for an experiment that prints commands.

    Returns:
        The record, as `record.json` holds it; the report of a study. Its "status" is "completed"
        or "diverged".

    Raises:
        UserError: an unknown experiment, or whatever that experiment objects to.
    """
    if config.experiment not in NAMES:
        raise UserError(f"unknown experiment {config.experiment!r}; known: {', '.join(NAMES)}")
    if config.experiment == "study":
        from rcjax.study import run_study

        return run_study(config, workdir, command)
    if config.experiment == "analyze":
        from rcjax.study import run_analysis

        return run_analysis(config, workdir)
    from rcjax.edge_of_stability import run_edge_of_stability

    return run_edge_of_stability(config, workdir)
