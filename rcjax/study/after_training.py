"""The measurements after a run's training: competing measures and further region counts.

Each has a file beside the run's record, so that it can be computed anew without training again.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rcjax.config import RegionsSection, RunConfig
from rcjax.errors import DamagedError
from rcjax.runtime import StopRequest, finite, is_finite_number, read_json, set_aside, write_json
from rcjax.study.predicted_labels import PredictedLabels, fault_of
from rcjax.study.requested import SEED_DISAGREEMENT, Requested
from rcjax.study.run_status import Measured
from rcjax.study.tools import Note, Tools
from rcjax.terminal import say
from rcjax.training import (
    SECONDS_FILE,
    FinishedRun,
    FittedClassifier,
    Interrupted,
    Stopwatch,
    run_workdir,
)


class Measurements:
    """The files of what was measured after a run's training, and what they lack.

    Args:
        folder: of the run.
        requested: what the study asks for.
    """

    def __init__(self, folder: Path, requested: Requested):
        self.folder = folder
        self._measures_file = folder / "measures.json"
        self._variants_file = folder / "variants.json"
        self._labels_file = folder / "test_labels.json"
        self._requested = requested
        self._settings = {"examples": requested.examples}

    def measures(self) -> dict[str, float | None]:
        """Returns the requested measures known for these settings; None where one is undefined."""
        found = self._known_measures()
        return {name: found[name] for name in self._requested.measures if name in found}

    def _known_measures(self) -> dict[str, float | None]:
        """All in the file, if they were computed with the settings requested."""
        content = _read(self._measures_file, _check_measures)
        return content["measures"] if content.get("settings") == self._settings else {}

    def variants(self) -> dict[str, float]:
        """Returns mean counts of the requested variants known for the same definition."""
        content = _read(self._variants_file, _check_variants)
        return {
            name: content[name]["mean"]
            for name, regions in self._requested.variants.items()
            if name in content and _same_count(content[name]["regions"], regions)
        }

    def labels(self) -> PredictedLabels | None:
        """Of the test images, if they are requested and known."""
        if SEED_DISAGREEMENT not in self._requested.measures:
            return None
        content = _read(self._labels_file, fault_of)
        return PredictedLabels.read(content) if content else None

    def _lacks_labels(self) -> bool:
        return SEED_DISAGREEMENT in self._requested.measures and self.labels() is None

    def complete(self) -> bool:
        """Returns whether nothing is left to compute."""
        requested = self._requested
        return (
            self.measures().keys() >= set(requested.computed)
            and self.variants().keys() >= requested.variants.keys()
            and not self._lacks_labels()
        )

    def found(self) -> Measured:
        """Returns what is known of it all."""
        return Measured(self.measures(), self.variants(), self.labels(), self.complete())

    def compute(
        self,
        trained: FinishedRun | FittedClassifier,
        stop: StopRequest,
        tools: Tools,
        watch: Stopwatch,
    ) -> None:
        """Computes what is missing.

        Args:
            trained: a network; a classical classifier where no measures are requested.
            stop: asks to leave early.
            tools: what computes measures.
            watch: takes the times.

        Raises:
            Interrupted: `stop` was set; what was computed until then is kept.
        """
        _keep_damaged(self._measures_file, _check_measures)
        _keep_damaged(self._variants_file, _check_variants)
        _keep_damaged(self._labels_file, fault_of)
        missing = [name for name in self._requested.computed if name not in self.measures()]
        if missing:
            say(f"computing {len(missing)} measures")
            tools.measure(trained, missing, self._requested.examples, self._noting(stop, watch))
        if self._lacks_labels():
            write_json(self._labels_file, tools.predict_labels(trained).content())
            watch.lap("measuring")
            _leave_if(stop)
        known = self.variants()
        for name, regions in self._requested.variants.items():
            if name in known:
                continue
            _leave_if(stop)
            say(f"counting regions: {name}")
            count = _count(trained, regions)
            # Others, of an earlier config, are kept: they may be wanted again.
            others = _read(self._variants_file, _check_variants)
            write_json(self._variants_file, {**others, name: count})
            watch.lap("counting")

    def _noting(self, stop: StopRequest, watch: Stopwatch) -> Note:
        """Writes every measure as soon as it is known, and then leaves if asked to."""

        def note(name: str, value: float, error: float | None = None) -> None:
            watch.lap("measuring")
            known = self._known_measures()
            errors = _read(self._measures_file, _check_measures).get("standard_errors", {})
            errors = {one: noted for one, noted in errors.items() if one in known}
            if error is not None:
                errors[name] = error
            content = {"measures": {**known, name: value}, "standard_errors": errors}
            write_json(self._measures_file, {**content, "settings": self._settings})
            _leave_if(stop)

        return note


def measure_run(
    config: RunConfig, measurements: Measurements, stop: StopRequest, tools: Tools
) -> None:
    """Computes what is missing of a finished run's measures and variants, from its checkpoint.

    Args:
        config: of the run.
        measurements: of the run.
        stop: asks to leave early.
        tools: what reads the network back and computes measures.

    Raises:
        UserError: the trained network cannot be read back.
        InUseError: another process works in the folder.
        Interrupted: `stop` was set; what was computed until then is kept.
    """
    if measurements.complete():
        return
    # Two processes that add to the same files would lose what the other one wrote.
    with run_workdir(measurements.folder, config).claimed():
        if not measurements.complete():
            watch = Stopwatch(measurements.folder / SECONDS_FILE)
            try:
                trained = tools.read_back(config, measurements.folder)
                watch.lap("preparing")
                measurements.compute(trained, stop, tools, watch)
            finally:
                watch.write()


def _same_count(noted: Mapping[str, Any], regions: RegionsSection) -> bool:
    """Whether a definition in a file is that of `regions`; batches' size changes no count."""
    wanted = json.loads(json.dumps(dataclasses.asdict(regions)))
    names = {*noted, *wanted} - {"batch_size"}
    return all(noted.get(name) == wanted.get(name) for name in names)


def _leave_if(stop: StopRequest) -> None:
    if stop.is_set():
        raise Interrupted("interrupted after training, all saved")


_Check = Callable[[dict[str, Any]], str]  # what is wrong with a file's content, or nothing


def _read(file: Path, check: _Check) -> dict[str, Any]:
    """Returns the content of a file of measurements; empty if there is none or it is damaged."""
    try:
        return _read_checked(file, check) if file.exists() else {}
    except DamagedError:
        return {}


def _keep_damaged(file: Path, check: _Check) -> None:
    try:
        if file.exists():
            _read_checked(file, check)
    except DamagedError as error:
        say(f"{error}; the damaged file is now {set_aside(file)}")


def _read_checked(file: Path, check: _Check) -> dict[str, Any]:
    remedy = "it is computed anew"
    content = read_json(file, remedy=remedy)
    if fault := check(content):
        raise DamagedError(f"{file} is damaged ({fault}); {remedy}")
    return content


def _check_measures(content: dict[str, Any]) -> str:
    values = content.get("measures")
    if not isinstance(values, dict):
        return "it has no section measures"
    wrong = [
        name for name, value in values.items() if not (value is None or is_finite_number(value))
    ]
    return f"{wrong[0]} is no number" if wrong else ""


def _check_variants(content: dict[str, Any]) -> str:
    for name, count in content.items():
        if not isinstance(count, dict) or not isinstance(count.get("regions"), dict):
            return f"{name} does not say how it was counted"
        if not is_finite_number(count.get("mean")):
            return f"the mean of {name} is no number"
    return ""


def _count(trained: FinishedRun | FittedClassifier, regions: RegionsSection) -> dict[str, Any]:
    counts = trained.count(regions)
    return finite(
        {
            "mean": float(counts.mean),
            "standard_error": float(counts.standard_error),
            "counts": np.asarray(counts.counts).tolist(),
            "regions": dataclasses.asdict(regions),
        }
    )
