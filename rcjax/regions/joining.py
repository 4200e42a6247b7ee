"""Tries to join intervals of equal label off their line: are they one region of input space?

A count along a line says how often the boundary is crossed there, not how many parts a class has in
the whole space. Here a path between two intervals bends away from the line until its label is one.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.array_types import Array
from rcjax.regions.anchors import check_anchors
from rcjax.regions.counting import count_regions
from rcjax.regions.result import RegionCounts
from rcjax.regions.types import AnchorsLike, Predict

_PAIRS_AT_A_TIME = 32
_SAMPLES_PER_LEG = 3
_ROUNDS = 4  # as many times the path is pushed, and then asked whether it holds
_PART_OF_END_MARGIN = 0.25  # how far inside the class a path is to run
_STEP = 0.2  # of a leg's length, at first, for the corner that moves most
_EVENING = 0.5
_NOISE = 0.05  # of a leg's length
_TINY = 1e-30


class JoinedIntervals(NamedTuple):
    """Pairs of intervals of one label on one segment, and whether a path off the line joins them.

    slices: int64 [pairs], the segment. labels: [pairs]. joined: bool [pairs], whether the label is
    one at every point looked at along the path. paths: float32 [pairs, legs + 1, *features], from
    the middle of one interval to that of the other. detours: float64 [pairs], length of the path
    over the straight distance.
    """

    slices: np.ndarray
    labels: np.ndarray
    joined: np.ndarray
    paths: np.ndarray
    detours: np.ndarray

    @property
    def share(self) -> float:
        """Share of the pairs that were joined; NaN where there are none."""
        return float(self.joined.mean()) if len(self.joined) else float("nan")


def join_intervals(
    predict: Predict,
    anchors: AnchorsLike,
    result: RegionCounts,
    *,
    legs: int = 8,
    steps: int = 50,
    points: int = 50,
) -> JoinedIntervals:
    """Searches a path of one label between neighbouring intervals of one label, off their line.

    Each path is a chain of straight legs, at first along the segment. Gradients of the margin push
    its corners, in up to four rounds of `steps`; then labels are evaluated along every leg.
    A pair that is joined lies in one connected region, up to what is narrower than the distance of
    the points looked at. A pair that is not joined may lie in one, too: the search is short.

    Args:
        predict: a JAX function from points [n, *features] to scores [n, classes].
        anchors: [slices, 2, *features], those of the count.
        result: a count of them with `boundaries=True`.
        legs: of each path.
        steps: of the search, in each round.
        points: at which the label is evaluated along each leg.

    Raises:
        ValueError: the result holds no boundaries of these segments.

    Example:
        >>> from rcjax import count_regions
        >>> below = lambda x: x[:, 1] - 2 * jnp.cos(3 * x[:, 0])  # the boundary is a wave
        >>> predict = lambda x: jnp.stack([-below(x), below(x)], axis=1)
        >>> line = np.array([[[-2.0, 0.0], [2.0, 0.0]]], np.float32)
        >>> result = count_regions(predict, line, boundaries=True)
        >>> result.region_labels[0].tolist(), join_intervals(predict, line, result).joined.tolist()
        ([0, 1, 0, 1, 0], [True, True, True])

    Source: after the paths of Fawzi, Moosavi-Dezfooli, Frossard, Soatto 2018, "Empirical Study of
    the Topology and Geometry of Deep Networks".
    """
    ends = check_anchors(anchors)
    if result.boundaries is None or result.region_labels is None or ends.shape[0] != len(result):
        raise ValueError(
            "the result must hold the boundaries of these segments: count them with boundaries=True"
        )
    pairs = list(_pairs(result))
    slices = np.array([pair[0] for pair in pairs], np.int64)
    labels = np.array([pair[1] for pair in pairs])
    first, last = np.asarray([pair[2:] for pair in pairs], np.float32).reshape(-1, 2).T
    places = first[:, None] + (last - first)[:, None] * np.linspace(0, 1, legs + 1)
    lines = np.stack([np.asarray(ends[i : i + 1])[0] for i in slices]) if pairs else ends[:0]
    wide = places.reshape(*places.shape, *[1] * (lines.ndim - 2)).astype(np.float32)
    paths = np.asarray((1 - wide) * lines[:, :1] + wide * lines[:, 1:], np.float32)
    straight = _lengths(paths)
    paths[:, 1:-1] += _shaken(paths, straight)[:, 1:-1]
    joined = np.zeros(len(paths), bool)
    push = jax.jit(functools.partial(_pushed, predict=predict, steps=steps))
    for _ in range(_ROUNDS):
        for chosen in _blocks(np.flatnonzero(~joined)):
            paths[chosen] = push(paths[chosen])
            joined[chosen] = _of_one_label(predict, paths[chosen], points)
    return JoinedIntervals(slices, labels, joined, paths, _lengths(paths) / straight)


def _pairs(result: RegionCounts) -> Iterator[tuple[int, Hashable, float, float]]:
    """(slice, label, middle of an interval, middle of the next of the same label)."""
    low, high = result.extent
    assert result.boundaries is not None
    assert result.region_labels is not None
    for i, (inner, labels) in enumerate(zip(result.boundaries, result.region_labels, strict=True)):
        edges = np.concatenate([[low], inner, [high]])
        middles = (edges[1:] + edges[:-1]) / 2
        before: dict[Hashable, float] = {}
        for label, middle in zip(labels.tolist(), middles.tolist(), strict=True):
            if label in before:
                yield i, label, before[label], middle
            before[label] = middle


def _blocks(chosen: np.ndarray) -> Iterator[np.ndarray]:
    """Indices in blocks of one size, so that one program serves all; the last is repeated."""
    for start in range(0, len(chosen), _PAIRS_AT_A_TIME):
        block = chosen[start : start + _PAIRS_AT_A_TIME]
        yield np.pad(block, (0, _PAIRS_AT_A_TIME - len(block)), mode="edge")


def _lengths(paths: np.ndarray) -> np.ndarray:
    steps = np.diff(paths.astype(np.float64), axis=1)
    of_legs = np.sqrt(np.square(steps).sum(axis=tuple(range(2, steps.ndim))))
    return np.asarray(of_legs.sum(axis=1))


def _shaken(paths: np.ndarray, straight: np.ndarray) -> np.ndarray:
    """Small noise: on a line of symmetry no gradient leads off it."""
    noise = np.random.default_rng(0).normal(size=paths.shape)
    size = np.sqrt(np.prod(paths.shape[2:]))
    per_leg = straight / (paths.shape[1] - 1)
    wide = per_leg.reshape(-1, *[1] * (paths.ndim - 1))
    return np.asarray(_NOISE * wide * noise / size, np.float32)


def _of_one_label(predict: Predict, paths: np.ndarray, points: int) -> np.ndarray:
    legs = np.stack([paths[:, :-1], paths[:, 1:]], axis=2).reshape(-1, 2, *paths.shape[2:])
    counts = count_regions(predict, legs, points=points).counts
    return np.asarray((counts.reshape(len(paths), -1) == 1).all(axis=1))


def _pushed(paths: Array, *, predict: Predict, steps: int) -> Array:
    """Paths [pairs, corners, *features] whose corners moved to where the margin is larger."""
    shape = paths.shape
    flat = paths.reshape(shape[0], shape[1], -1)
    leg = jnp.linalg.norm(flat[:, -1] - flat[:, 0], axis=-1)[:, None, None] / (shape[1] - 1)
    labels = jnp.argmax(predict(paths[:, 0]), axis=-1)
    inside = (jnp.arange(_SAMPLES_PER_LEG) / _SAMPLES_PER_LEG).reshape(1, 1, -1, 1)

    def margins(points: Array, of: Array) -> Array:
        scores = predict(points.reshape(-1, *shape[2:]))
        own = jax.nn.one_hot(of, scores.shape[-1], dtype=bool)
        best = jnp.where(own, -jnp.inf, scores).max(axis=-1)
        return jnp.where(own, scores, 0).sum(axis=-1) - best

    at_ends = jnp.minimum(margins(flat[:, 0], labels), margins(flat[:, -1], labels))
    wanted = _PART_OF_END_MARGIN * at_ends[:, None]

    def shortfall(corners: Array) -> Array:
        """How much the margin falls short along the paths."""
        step = (corners[:, 1:] - corners[:, :-1])[:, :, None]
        samples = corners[:, :-1, None] + inside * step
        of = jnp.repeat(labels, (shape[1] - 1) * _SAMPLES_PER_LEG)
        short = wanted - margins(samples, of).reshape(len(labels), -1)
        return (jax.nn.relu(short) / wanted).sum()

    def move(corners: Array, rate: Array) -> tuple[Array, None]:
        """Pushes across the path, so that corners go around, and evens them out along it."""
        before, at, after = corners[:, :-2], corners[:, 1:-1], corners[:, 2:]
        tangent = _unit(after - before)
        push = -jax.grad(shortfall)(corners)[:, 1:-1]
        push = push - _along(push, tangent)
        even = _along((before + after) / 2 - at, tangent)
        largest = jnp.linalg.norm(push, axis=-1, keepdims=True).max(axis=1, keepdims=True)
        moved = at + rate * leg * push / jnp.maximum(largest, _TINY) + _EVENING * even
        return corners.at[:, 1:-1].set(moved), None

    rates = _STEP * jnp.linspace(1, 0.1, steps)
    return jax.lax.scan(move, flat, rates)[0].reshape(shape)


def _unit(vectors: Array) -> Array:
    return vectors / jnp.maximum(jnp.linalg.norm(vectors, axis=-1, keepdims=True), _TINY)


def _along(vectors: Array, unit: Array) -> Array:
    return (vectors * unit).sum(axis=-1, keepdims=True) * unit
