"""All measures by name; quantities that several of them share are computed once."""

import functools
import math
from collections.abc import Callable, Iterable

import jax
import numpy as np

from rcjax.array_types import Float
from rcjax.errors import UserError
from rcjax.measures.gradient_noise import gradient_noise
from rcjax.measures.inputs import Arrays, Batches, Settings, TrainedNetwork, make_batches
from rcjax.measures.layers import layer_norms
from rcjax.measures.margins import Margins, margins
from rcjax.measures.norms import ParameterNorms, parameter_norms
from rcjax.measures.objective import noisy_accuracy
from rcjax.measures.pac_bayes import Flatness, flatness
from rcjax.measures.path_norm import path_norm, undefined_path_norm
from rcjax.measures.sharpness import Landscape, Trace

# Every use of randomness has a stream of its own under the key, so that a measure does not depend
# on which others are computed.
_EXAMPLES, _LAYERS, _EIGENVALUE, _TRACE, _NOISE, _MAGNITUDE_NOISE = range(6)


class Measurement:
    """The measures of one network; every attribute is computed when it is first asked for."""

    def __init__(self, network: TrainedNetwork, settings: Settings, key: jax.Array):
        self._network, self._settings, self._key = network, settings, key
        self._arrays = (network.parameters, network.model_state)
        self._image = tuple(np.shape(network.images)[1:])

    def _stream(self, number: int) -> jax.Array:
        return jax.random.fold_in(self._key, number)

    @functools.cached_property
    def parameters(self) -> ParameterNorms:
        return parameter_norms(self._network.parameters, self._network.initial_parameters)

    @functools.cached_property
    def layers(self) -> tuple[Float[np.ndarray, " layers"], Float[np.ndarray, " layers"]]:
        """Spectral and Frobenius norms of the folded layers, in float64; at least one."""
        norms = layer_norms(self._network.apply, *self._arrays, self._image, self._stream(_LAYERS))
        spectral, frobenius = (np.asarray(values, np.float64) for values in norms)
        unknown = np.full(1, math.nan)
        return (spectral, frobenius) if len(spectral) else (unknown, unknown)

    @functools.cached_property
    def batches(self) -> Batches:
        return make_batches(self._network, self._settings, self._stream(_EXAMPLES))

    @functools.cached_property
    def margins(self) -> Margins:
        return margins(self._network.apply, *self._arrays, self.batches)

    @property
    def finite(self) -> bool:
        """Whether all logits are numbers. Otherwise there is no loss, no accuracy to lose."""
        return bool(np.all(np.isfinite(self.margins.margins)))

    @functools.cached_property
    def noise(self) -> Flatness:
        return self._flatness(_NOISE, magnitude=False)

    @functools.cached_property
    def magnitude_noise(self) -> Flatness:
        return self._flatness(_MAGNITUDE_NOISE, magnitude=True)

    def _flatness(self, stream: int, *, magnitude: bool) -> Flatness:
        network = self._network
        if not self.finite:
            return Flatness(math.nan, math.nan, math.nan, math.nan)
        return flatness(
            functools.partial(noisy_accuracy, network.apply, *self._arrays, self.batches),
            network.parameters,
            network.initial_parameters,
            self._stream(stream),
            samples=self._settings.noise_samples,
            precision=self._settings.precision,
            magnitude=magnitude,
        )

    @functools.cached_property
    def landscape(self) -> Landscape:
        return Landscape(self._network.apply, *self._arrays, self.batches)

    @property
    def examples(self) -> int:
        """All training examples, also those that `batches` leaves out."""
        return len(self._network.labels)

    def log_spectral_product(self) -> float:
        return float(np.sum(np.log(self.layers[0])))

    def log_frobenius_product(self) -> float:
        return float(np.sum(np.log(self.layers[1])))

    def log_spectral_complexity(self) -> float:
        """Not a number where a tenth of the examples or more has no positive margin."""
        spectral, frobenius = self.layers
        ranks = np.sum(np.square(frobenius / spectral))
        margin = self.margins.percentile()
        if not margin > 0:
            return math.nan
        return self.log_spectral_product() + 0.5 * float(np.log(ranks)) - math.log(margin)

    def spectrally_normalized_margin(self) -> float:
        return self.margins.percentile() * float(np.exp(-self.log_spectral_product()))

    def distance_over_margin(self) -> float:
        """Not a number where a tenth of the examples or more has no positive margin."""
        margin = self.margins.percentile()
        return self.parameters.distance / margin if margin > 0 else math.nan

    def path_norm(self) -> float:
        if undefined_path_norm(self._network.apply, *self._arrays, self._image):
            return math.nan
        return path_norm(self._network.apply, *self._arrays, self._image)

    def hessian_eigenvalue(self) -> float:
        key, iterations = self._stream(_EIGENVALUE), self._settings.lanczos_iterations
        return self.landscape.largest_eigenvalue(key, iterations) if self.finite else math.nan

    @functools.cached_property
    def hessian_trace(self) -> Trace:
        key, settings = self._stream(_TRACE), self._settings
        if not self.finite:
            return Trace(math.nan, math.nan)
        directions, probes = settings.trace_directions, settings.hutchinson_probes
        return self.landscape.trace(key, directions, probes, settings.precision)

    def sam_sharpness(self) -> float:
        radius, steps = self._settings.sam_radius, self._settings.sam_steps
        return self.landscape.worst_increase(radius, steps) if self.finite else math.nan

    def gradient_noise(self) -> float:
        network = self._network
        if network.batch_size is None or not self.finite:
            return math.nan
        sizes = {"batch_size": network.batch_size, "total": self.examples}
        return gradient_noise(network.apply, *self._arrays, self.batches, **sizes)


MEASURES: dict[str, Callable[[Measurement], float]] = {
    "parameter_norm": lambda m: m.parameters.norm,
    "distance_from_initialization": lambda m: m.parameters.distance,
    "layer_distance_from_initialization": lambda m: m.parameters.layer_distances,
    "log_spectral_product": Measurement.log_spectral_product,
    "log_frobenius_product": Measurement.log_frobenius_product,
    "path_norm": Measurement.path_norm,
    "output_margin": lambda m: m.margins.percentile(),
    "distance_over_margin": Measurement.distance_over_margin,
    "spectrally_normalized_margin": Measurement.spectrally_normalized_margin,
    "log_spectral_complexity": Measurement.log_spectral_complexity,
    "input_margin": lambda m: m.margins.input_percentile(),
    "input_gradient_norm": lambda m: float(np.mean(m.margins.gradient_norms)),
    "hessian_largest_eigenvalue": Measurement.hessian_eigenvalue,
    "hessian_trace": lambda m: m.hessian_trace.value,
    "sam_sharpness": Measurement.sam_sharpness,
    "gradient_noise": Measurement.gradient_noise,
    "pac_bayes_flatness": lambda m: m.noise.flatness(),
    "pac_bayes_bound_origin": lambda m: m.noise.bound_origin(m.examples),
    "pac_bayes_bound_initialization": lambda m: m.noise.bound_initialization(m.examples),
    "pac_bayes_magnitude_flatness": lambda m: m.magnitude_noise.flatness(),
    "pac_bayes_magnitude_bound_origin": lambda m: m.magnitude_noise.bound_origin(m.examples),
    "pac_bayes_magnitude_bound_initialization": lambda m: m.magnitude_noise.bound_initialization(
        m.examples
    ),
}

NAMES = tuple(MEASURES)

# Standard errors of the measures that random numbers estimate.
_ERRORS: dict[str, Callable[[Measurement], float]] = {
    "hessian_trace": lambda m: m.hessian_trace.error,
    "pac_bayes_flatness": lambda m: m.noise.error * m.noise.flatness(),
    "pac_bayes_magnitude_flatness": lambda m: (
        m.magnitude_noise.error * m.magnitude_noise.flatness()
    ),
}


def compute(
    network: TrainedNetwork,
    names: Iterable[str] = NAMES,
    *,
    key: jax.Array,
    settings: Settings | None = None,
    note: Callable[[str, float, float | None], None] | None = None,
) -> dict[str, float]:
    """Measures of a trained network that compete with the region count, by name.

    docs/measures.md has the formula and the source of each. Everything is computed in evaluation
    mode, on the device, in the precision of the parameters, in functions that are compiled once
    for all networks with the same `apply` and the same shapes.

    Args:
        network: with its training data.
        names: which measures; any of `NAMES`.
        key: of a random choice of examples, of start vectors and noise. A measure does not depend
            on which others are asked for.
        settings: numbers of examples, iterations and samples; None takes the defaults.
        note: called with name, value and standard error of each measure as soon as it is known; the
            error is None where nothing is estimated by random numbers, or where it is unknown. What
            it raises ends the computation.

    Returns:
        {name: value} in the order of `names`. NaN where a measure is not defined (see `undefined`)
        or not a finite number, as for a network that diverged.

    Raises:
        UserError: a name is unknown.

    Example:
        >>> import jax, numpy as np
        >>> from rcjax.models import functional
        >>> init, apply = functional("mlp", width=8, image_size=4)
        >>> parameters, state = init(jax.random.key(0))
        >>> random = np.random.default_rng(0)
        >>> network = TrainedNetwork(
        ...     apply, parameters, state, parameters,
        ...     images=random.normal(size=(20, 4, 4, 3)).astype(np.float32),
        ...     labels=random.integers(10, size=20))
        >>> found = compute(network, ["distance_from_initialization"], key=jax.random.key(1))
        >>> found
        {'distance_from_initialization': 0.0}
    """
    wanted = list(names)
    _check_names(wanted)
    finite = _finite((network.parameters, network.model_state))
    measurement = Measurement(network, settings or Settings(), key) if finite else None
    values = {}
    for name in wanted:
        values[name] = math.nan if measurement is None else _value(name, measurement)
        if note is not None:
            note(name, values[name], _error(name, measurement))
    return values


def _value(name: str, measurement: Measurement) -> float:
    with np.errstate(all="ignore"):  # what is not finite is reported as NaN
        value = float(MEASURES[name](measurement))
    return value if math.isfinite(value) else math.nan


def _error(name: str, measurement: Measurement | None) -> float | None:
    if measurement is None or name not in _ERRORS:
        return None
    error = float(_ERRORS[name](measurement))
    return error if math.isfinite(error) else None


def undefined(network: TrainedNetwork, names: Iterable[str] = NAMES) -> dict[str, str]:
    """The named measures that a network of this kind cannot have, each with the reason.

    Nothing is computed. Other measures can still be NaN for single networks, see docs/measures.md.
    """
    wanted = list(names)
    _check_names(wanted)
    image = tuple(np.shape(network.images)[1:])
    arrays = (network.parameters, network.model_state)
    reasons = {"path_norm": undefined_path_norm(network.apply, *arrays, image)}
    if network.batch_size is None:
        reasons["gradient_noise"] = "the batch size of the training is not given"
    return {name: reasons[name] for name in wanted if reasons.get(name)}


def _finite(arrays: Arrays) -> bool:
    return all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(jax.device_get(arrays)))


def _check_names(names: list[str]) -> None:
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise UserError(f"unknown measure {unknown[0]!r}: choose among {', '.join(NAMES)}")
