"""The state of all runs and its checkpoint: one file, replaced as a whole."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from rcjax.errors import UserError
from rcjax.runtime import written_whole

TRAINING, FITTED, DIVERGED = 0, 1, 2
# What a run is called that reached the limit of steps is not TRAINING any more.
STATUS_NAMES = ("step limit", "fitted", "diverged")


@dataclasses.dataclass
class RunsState:
    """All runs between two measurements.

    Attributes:
        parameters: leaves [runs, ...]; a diverged run keeps those of its last measurement before.
        status: int [runs]: TRAINING, FITTED or DIVERGED.
        steps: int [runs], steps until the last measurement of each run.
        history: name -> list over measurements of [runs], and "step" -> list of int.
    """

    parameters: dict[str, Any]
    status: np.ndarray
    steps: np.ndarray
    history: dict[str, list]

    @property
    def measurements(self) -> int:
        """Measurements made, the one before training included."""
        return len(self.history.get("step", []))


def save(state: RunsState, path: Path) -> None:
    """Writes a state so that a reader never meets half of it."""
    arrays: dict[str, Any] = {"status": state.status, "steps": state.steps}
    arrays |= {f"parameters/{name}": np.asarray(leaf) for name, leaf in state.parameters.items()}
    arrays |= {f"history/{name}": np.array(rows) for name, rows in state.history.items()}
    path.parent.mkdir(exist_ok=True)
    with written_whole(path) as file:
        np.savez(file, **arrays)


def load(path: Path) -> RunsState | None:
    """Returns the state that was saved, or None where nothing was.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        with open(path, "rb") as stream, np.load(stream) as file:
            sections: dict[str, dict[str, Any]] = {"parameters": {}, "history": {}}
            for name in file.files:
                section, _, rest = name.partition("/")
                if rest:
                    sections[section][rest] = file[name]
            history = {name: list(rows) for name, rows in sections["history"].items()}
            return RunsState(sections["parameters"], file["status"], file["steps"], history)
    # Damaged bytes raise errors of zipfile, zlib, tokenize, ast, NumPy and struct.
    except Exception as error:
        raise UserError(
            f"checkpoint {path} is damaged ({type(error).__name__}: {error}); remove it to begin "
            "again, or choose another workdir"
        ) from error


def metrics_lines(history: dict[str, list]) -> list[str]:
    """One line of JSON for each measurement, lists over runs; null for what is not finite."""
    lines = []
    for index, step in enumerate(history["step"]):
        line: dict = {"step": int(step)}
        for name, rows in history.items():
            if name != "step":
                values = np.asarray(rows[index], float)
                line[name] = [float(f"{v:.9g}") if np.isfinite(v) else None for v in values]
        lines.append(json.dumps(line, allow_nan=False) + "\n")
    return lines
