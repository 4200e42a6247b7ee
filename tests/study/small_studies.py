"""Studies of runs that take a second, or none at all."""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict
from scipy import stats

from rcjax.config import RunConfig
from rcjax.config.loading import complete
from rcjax.config.nesting import nested
from rcjax.report import About
from rcjax.runtime.files import write_json
from rcjax.statistics import Analysis
from rcjax.study.grid import PlannedRun
from rcjax.study.plan import plan_study
from rcjax.study.tools import TOOLS
from rcjax.training.record import run_workdir

from ..report.report_json import report_json
from ..training.small_runs import train_undrawn

REPOSITORY = Path(__file__).resolve().parents[2]
_FIELDS = {
    "experiment": "study",
    "dataset": "digits",
    "network": "mlp",
    "width": 4,
    "train_examples": 40,
    "epochs": 2,
    "batch_size": 20,
    "checkpoint_every": 1,
    "regions.every": 2,
    "regions.slices": 100,
    "regions.points": 10,
    "grid.learning_rate": (0.1, 0.01),
    "grid.seed": (0, 1),
    "report.bootstrap_samples": 10,
}


def small_study(**fields: Any) -> ConfigDict:
    """Two learning rates, two seeds; a field that is None is left out."""
    given = {name: v for name, v in {**_FIELDS, **fields}.items() if v is not None}
    return complete(ConfigDict(nested(given)))


def planned(config: ConfigDict) -> list[PlannedRun]:
    """The runs of a study."""
    return plan_study(config.to_dict()).runs


def write_config(path: Path, config: ConfigDict) -> str:
    """Writes a config file that gives `config`; returns its path."""
    path.write_text(
        "from ml_collections import ConfigDict\n"
        f"def get_config(size): return ConfigDict({config.to_dict()!r})\n"
    )
    return str(path)


def make_record(config: RunConfig, **fields: Any) -> dict[str, Any]:
    """A record as `train` would leave it, with made-up numbers that the config decides."""
    slices = config.regions.slices
    total = round(slices * (2.0 + config.learning_rate + 0.1 * config.seed))
    count = total / slices
    counts = [total // slices + (number < total % slices) for number in range(slices)]
    epoch = {"learning_rate": 0.1, "train_loss": 0.5, "train_accuracy": 90.0}
    entry = {
        "epoch": config.epochs,
        "train_accuracy": 100.0,
        "test_accuracy": 90.0 - count,
        "generalization_gap": 10.0 + count,
        "region_count": {"mean": count, "standard_error": float(stats.sem(counts))},
    }
    return {
        "config": config.to_dict(),
        "status": "completed",
        **{name: entry[name] for name in ("train_accuracy", "test_accuracy", "generalization_gap")},
        "region_count": {**entry["region_count"], "counts": counts},
        "history": [entry],
        "epochs": [{"epoch": number + 1, **epoch} for number in range(config.epochs)],
        "versions": {"jax": "1.0"},
        **fields,
    }


def leave_record(config: RunConfig, folder: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Makes the folder of a run that is over."""
    workdir = run_workdir(folder, config)
    with workdir.claimed():
        workdir.claim_for_good()
        write_json(workdir.record, record)
    return record


def write_only_numbers(analysis: Analysis, about: About, folder: Path) -> dict[str, Any]:
    """Stands in for the report of a study, whose figures take their time."""
    report = report_json(analysis) | about.published()
    write_json(folder / "report.json", report)
    return report


# A study whose runs and report leave out the pictures.
UNDRAWN = TOOLS._replace(train=train_undrawn, write_report=write_only_numbers)


def pretend_to_train(config: RunConfig, folder: Path) -> dict[str, Any]:
    """Stands in for `rcjax.training.train`: the same folder and record, without a network."""
    record = run_workdir(folder, config).finished_record()
    return record or leave_record(config, folder, make_record(config))
