"""Evaluates a network at points of planes: affine scores, and the lines at which they change."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr

from rcjax.regions.classifier import Trace, values_per_point, walk
from rcjax.regions.exact.evaluation import SEEDS, compiled, fingerprints_of, lower_masked
from rcjax.regions.exact.kinds import Kind, Value, constant
from rcjax.regions.exact.patterns import summarize
from rcjax.regions.exact.rules import PiecewiseLinearRule
from rcjax.regions.types import Arrays, Block

_ROUNDING = 1e-12
_VALUES_AT_ONCE = 1 << 22


class Piece(NamedTuple):
    """The linear piece around one point of a plane.

    scores float64 [classes] at the point and slopes float64 [classes, 2]; fingerprint, the hash of
    the activation pattern; distances float64 [switches] >= 0 at the point and rates float64
    [switches, 2]: a switch flips where distance + rate . (step from the point) = 0; layers int64
    [switches], the nonlinearity of each: those of one layer are affine wherever no switch of an
    earlier layer flips.
    """

    scores: np.ndarray
    slopes: np.ndarray
    fingerprint: int
    distances: np.ndarray
    rates: np.ndarray
    layers: np.ndarray


class PlaneEvaluator:
    """Evaluates one network on one block of planes in float64.

    Args:
        trace: the network.
        anchors: float32 [planes, 3, *features].
        batch_size: points per device step; None chooses by the memory a point needs.
    """

    def __init__(self, trace: Trace, anchors: Block, batch_size: int | None):
        self._trace, self._anchors = trace, jnp.asarray(anchors, jnp.float32)
        points = _VALUES_AT_ONCE // max(1, values_per_point(trace.jaxpr))
        self.batch_size = batch_size or 1 << int(np.clip(points, 4, 256)).bit_length() - 1

    def __call__(self, planes: np.ndarray, places: np.ndarray) -> list[Piece]:
        """The pieces around at most `batch_size` points: int64 [n] and float64 [n, 2]."""
        count = len(planes)
        padding = self.batch_size - count
        planes = np.pad(planes.astype(np.int32), (0, padding), mode="edge")
        places = np.pad(places, ((0, padding), (0, 0)), mode="edge")
        with jax.enable_x64(True):
            found = compiled(_evaluate_point, self._trace.jaxpr, "float64")(
                self._trace.arrays, self._anchors, SEEDS, planes, places
            )
            values = [np.asarray(value)[:count] for value in found]
        scores, slopes, words, distances, rates, layers = values
        scores, slopes = lower_masked(scores, slopes)
        if not np.isfinite(scores).all():
            raise ValueError("predict returned a score that is not finite; check its parameters")
        prints = fingerprints_of(words)
        return [
            Piece(*each)
            for each in zip(scores, slopes, prints.tolist(), distances, rates, layers, strict=True)
        ]


def _evaluate_point(
    jaxpr: Jaxpr,
    precision: str,
    arrays: Arrays,
    anchors: jax.Array,
    seeds: jax.Array,
    place: jax.Array,
) -> tuple[jax.Array, ...]:
    anchors = anchors.astype(precision)
    across, up = anchors[1] - anchors[0], anchors[2] - anchors[0]

    def at(place: jax.Array) -> tuple[object, object]:
        rule = PiecewiseLinearRule(precision)
        point = Value((anchors[0] + place[0] * across + place[1] * up)[None], Kind.LINEAR)
        output = walk(jaxpr, [], [*map(constant, arrays), point], rule, constant)[0].array
        switches = [s for s in rule.switches if s.distance.size]
        distances = [s.distance.reshape(-1) for s in switches]
        sides = [s.bit.reshape(-1) for s in switches], [s.scale for s in switches]
        return (rule.promote(output)[0], distances), sides

    (scores, distances), push, (bits, scales) = jax.linearize(at, place, has_aux=True)
    directions = jnp.eye(2, dtype=place.dtype)
    slopes, rates = jax.vmap(push, out_axes=-1)(directions)
    speeds = [jnp.sqrt((r**2).sum(axis=-1)) for r in rates]
    pattern = summarize(distances, speeds, bits, scales, _ROUNDING, seeds)
    idle = [s <= _ROUNDING * jnp.max(s) for s in speeds]
    rates = [jnp.where(i[:, None], 0, r) for i, r in zip(idle, rates, strict=True)]
    layers = [jnp.full(d.shape, k) for k, d in enumerate(distances)]
    none = jnp.zeros(0), jnp.zeros((0, 2)), jnp.zeros(0, int)
    return (
        scores,
        slopes,
        pattern.fingerprint,
        jnp.concatenate([none[0], *distances]),
        jnp.concatenate([none[1], *rates]),
        jnp.concatenate([none[2], *layers]),
    )
