"""Runs that take a second: a config, and a launcher that reports what a user would see."""

import functools
import json
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from rcjax.config import RunConfig, run_config
from rcjax.config.loading import load_config
from rcjax.data import AnyDataset
from rcjax.launch import main
from rcjax.training import train
from rcjax.training.experiment import Experiment
from rcjax.training.streaming import make_experiment

REPOSITORY = Path(__file__).resolve().parents[2]

_FIELDS = {
    "network": "mlp",
    "width": 8,
    "train_examples": 70,
    "epochs": 4,
    "batch_size": 35,
    "checkpoint_every": 1,
    "regions.every": 2,
    "regions.slices": 5,
    "regions.points": 20,
}
STEPS = 2  # of an epoch


def small_config(**fields: Any) -> ConfigDict:
    """The digits' config, made small; fields with dots go in as `**{"regions.slices": 3}`."""
    config = load_config(str(REPOSITORY / "configs" / "digits.py"))
    config.update_from_flattened_dict({**_FIELDS, **fields})
    return config


def small_run(**fields: Any) -> RunConfig:
    """The same, typed and complete."""
    return run_config(small_config(**fields))


def undrawn(config: RunConfig, dataset: AnyDataset) -> Experiment:
    """Makes the parts of a run without its pictures, which take longer than all else in it."""
    experiment = make_experiment(config, dataset)
    experiment.draw = lambda *_: None
    return experiment


train_undrawn = functools.partial(train, make=undrawn)


def small_arguments(workdir: Path, **fields: Any) -> list[str]:
    """The command line of the same run."""
    overrides = [f"--config.{name}={value}" for name, value in {**_FIELDS, **fields}.items()]
    config = REPOSITORY / "configs" / "digits.py"
    return ["launch.py", f"--config={config}", f"--workdir={workdir}", *overrides]


class Outcome(NamedTuple):
    """What `launch` left behind."""

    code: int
    out: str
    err: str


def launch(capsys: Any, arguments: list[str]) -> Outcome:
    """Runs the command line in this process."""
    capsys.readouterr()
    code = main(arguments)
    return Outcome(code, *capsys.readouterr())


def damage(checkpoint: Path) -> None:
    """Arrays and checksums that do not agree, as after a flipped byte.

    It is the checksums that change: not every byte of the other files is ever read, and which are
    differs from run to run.
    """
    path = checkpoint / "notes" / "metadata"
    notes = json.loads(path.read_text())
    path.write_text(json.dumps({**notes, "checksum": "0" * 64, "network": "0" * 64}))
