"""What is computed of a trained network after its run: competing measures, further region counts.

Each has a file beside the run's record, so that it can be computed anew without training again.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rcjax import measures
from rcjax.config import RegionsSection, RunConfig
from rcjax.data import ImageStream, normalize
from rcjax.errors import DamagedError, UserError
from rcjax.runtime import StopRequest, finite, is_finite_number, read_json, set_aside, write_json
from rcjax.terminal import say
from rcjax.training import (
    FinishedRun,
    FittedClassifier,
    Interrupted,
    fit_classical,
    is_classical,
    load_finished_run,
    measures_key,
    run_workdir,
)


class Requested:
    """What a study asks to compute of every trained network.

    Args:
        study: sections `measures` and `variants` of the study's config, nested.
    """

    def __init__(self, study: Mapping[str, Any]):
        self.measures = measure_names(study["measures"]["names"])
        self.settings = {"examples": study["measures"]["examples"]}
        self._variants = study["variants"]

    @property
    def variants(self) -> list[str]:
        """Names of the further definitions of the count."""
        return list(self._variants)

    def regions(self, config: RunConfig) -> dict[str, RegionsSection]:
        """{variant: section `regions`}: the run's with what the variant changes."""
        found = {}
        for name, changes in self._variants.items():
            try:
                found[name] = config.regions.replaced(changes)
            except UserError as error:
                raise UserError(f"variant {name}: {error}") from error
        return found


def measure_names(text: str) -> tuple[str, ...]:
    """The measures that the field `measures.names` asks for.

    Raises:
        UserError: a name is unknown or given twice.

    >>> measure_names(""), measure_names("path_norm, hessian_trace"), len(measure_names("all")) > 9
    ((), ('path_norm', 'hessian_trace'), True)
    """
    if text.strip() == "all":
        return tuple(measures.NAMES)
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for position, name in enumerate(names):
        if name not in measures.NAMES:
            raise UserError(
                f"config field measures.names: unknown measure {name!r}; known: all, "
                f"{', '.join(measures.NAMES)}"
            )
        if name in names[:position]:
            raise UserError(f"config field measures.names: {name} is given twice")
    return names


class Measurements:
    """The files of what was measured after a run's training, and what they lack.

    Args:
        config: of the run.
        folder: of the run.
        wanted: what the study asks for.
    """

    def __init__(self, config: RunConfig, folder: Path, wanted: Requested):
        self.measures_file = folder / "measures.json"
        self.variants_file = folder / "variants.json"
        self._wanted = wanted
        self._regions = wanted.regions(config)

    def measures(self) -> dict[str, float | None]:
        """Those wanted that are known with the wanted settings; None where one is undefined."""
        found = self._known_measures()
        return {name: found[name] for name in self._wanted.measures if name in found}

    def _known_measures(self) -> dict[str, float | None]:
        """All in the file, if they were computed with the wanted settings."""
        content = _read(self.measures_file, _check_measures)
        return content["measures"] if content.get("settings") == self._wanted.settings else {}

    def variants(self) -> dict[str, dict[str, Any]]:
        """Those wanted that are known with the wanted definition of the count."""
        content = _read(self.variants_file, _check_variants)
        return {
            name: content[name]
            for name in self._wanted.variants
            if name in content and _same_count(content[name]["regions"], self._regions[name])
        }

    def complete(self) -> bool:
        """Whether nothing is left to compute."""
        return len(self.measures()) == len(self._wanted.measures) and len(self.variants()) == len(
            self._wanted.variants
        )

    def compute(self, trained: FinishedRun | FittedClassifier, stop: StopRequest) -> None:
        """Computes what is missing. Measures are of networks; a study checks that none is asked for
        of a classical classifier.

        Raises:
            Interrupted: `stop` was set; what was computed until then is kept.
        """
        _keep_damaged(self.measures_file, _check_measures)
        _keep_damaged(self.variants_file, _check_variants)
        missing = [name for name in self._wanted.measures if name not in self.measures()]
        if missing and isinstance(trained, FinishedRun):
            say(f"computing {len(missing)} measures")
            _measure(trained, missing, self._wanted.settings, self._noting(stop))
        variants = self.variants()
        for name, regions in self._regions.items():
            if name in variants:
                continue
            _leave_if(stop)
            say(f"counting regions: {name}")
            variants[name] = _count(trained, regions)
            # Others, of an earlier config, are kept: they may be wanted again.
            others = _read(self.variants_file, _check_variants)
            write_json(self.variants_file, {**others, **variants})

    def _noting(self, stop: StopRequest) -> Callable[[str, float], None]:
        """Writes every measure as soon as it is known, and then leaves if asked to."""

        def note(name: str, value: float) -> None:
            known = {**self._known_measures(), name: value}
            write_json(self.measures_file, {"measures": known, "settings": self._wanted.settings})
            _leave_if(stop)

        return note


def measure_run(
    config: RunConfig, folder: Path, study: Mapping[str, Any], stop: StopRequest
) -> None:
    """Computes what is missing of a finished run's measures and variants, from its checkpoint.

    A classical classifier, which has none, is fitted again.

    Args:
        config: of the run.
        folder: of the run.
        study: sections `measures` and `variants` of the study's config.
        stop: asks to leave early.

    Raises:
        UserError: the trained network cannot be read back.
        InUseError: another process works in the folder.
        Interrupted: `stop` was set; what was computed until then is kept.
    """
    measurements = Measurements(config, folder, Requested(study))
    if measurements.complete():
        return
    # Two processes that add to the same files would lose what the other one wrote.
    with run_workdir(folder, config).claimed():
        if not measurements.complete():
            fitted = is_classical(config)
            measurements.compute(
                fit_classical(config) if fitted else load_finished_run(config, folder), stop
            )


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
    """The content of a file of measurements; empty if there is none or it is damaged."""
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


def _measure(
    trained: FinishedRun,
    names: list[str],
    settings: Mapping[str, Any],
    note: Callable[[str, float], None],
) -> None:
    data, state = trained.dataset, trained.state
    if isinstance(data, ImageStream):
        raise UserError(
            f"the measures need all training images in memory, but {data.name} stays on the disk; "
            "leave measures.names empty"
        )
    network = measures.TrainedNetwork(
        trained.experiment.apply,
        state["parameters"],
        state["model_state"],
        trained.initial_state["parameters"],
        images=normalize(data.train_images, data.mean, data.std),
        labels=data.train_labels,
        batch_size=trained.config.batch_size,
    )
    key = measures_key(trained.config.seed)
    measures.compute(network, names, key=key, settings=measures.Settings(**settings), note=note)


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
