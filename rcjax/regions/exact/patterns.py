"""Activation patterns: which side of every nonlinearity a point is on, and for how long.

A nonlinearity is described by its *switches*. A switch has a bit (the side) and a distance
h >= 0 to the other side, in the units of the value it compares; along a segment, inside a linear
piece, h is linear in the position, so its rate of change predicts where the bit will flip.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.array_types import Array, ArrayLike, Bool, Float, UInt32


class Switches(NamedTuple):
    """The switches of one nonlinearity at one point.

    Attributes:
        distance: float [...], h >= 0, the distance to the other side.
        bit: bool [...], the side.
        scale: float [], largest magnitude among the compared values: the measure of rounding.
    """

    distance: Float[Array, "*units"]
    bit: Bool[Array, "*units"]
    scale: Float[Array, ""]


class Pattern(NamedTuple):
    """The activation pattern of one point.

    Attributes:
        fingerprint: uint32 [2], two independent hashes of all bits.
        left: float [], distance back along the segment to where the first switch flipped.
        right: float [], distance ahead to where the next switch flips; inf if none does.
    """

    fingerprint: UInt32[Array, "2"]
    left: Float[Array, ""]
    right: Float[Array, ""]


def halfspace(value: jax.Array, scale: jax.Array) -> tuple[jax.Array, Switches]:
    """The bit value >= 0 and its switches; both sides are convex, so equal ends mean no change."""
    bit = value >= 0
    return bit, Switches(jnp.where(bit, value, -value), bit, scale)


def winner(maximum: jax.Array, candidates: jax.Array) -> Switches:
    """The switches of a maximum: each candidate's distance to it.

    The pattern is the set of candidates that tie with the maximum (`summarize` sets those bits),
    so that exactly equal candidates, as in pooled constant background, do not alternate.
    """
    return Switches(
        maximum - candidates, jnp.zeros(candidates.shape, bool), largest_magnitude(candidates)
    )


def largest_magnitude(*values: ArrayLike) -> jax.Array:
    """The largest finite magnitude among arrays."""
    return jnp.stack(
        [jnp.max(jnp.where(jnp.isfinite(v), jnp.abs(v), 0), initial=0) for v in values]
    ).max()


def summarize(
    distances: list[Float[Array, "..."]],
    rates: list[Float[Array, "..."]],
    bits: list[Bool[Array, "..."]],
    scales: list[Float[Array, ""]],
    tolerance: float,
    seed: UInt32[Array, "2"],
) -> Pattern:
    """Folds the switches of a point into a fingerprint and two distances.

    Args:
        distances: float arrays, `Switches.distance` of every nonlinearity.
        rates: their derivatives by the position along the segment.
        bits: bool arrays, `Switches.bit`.
        scales: `Switches.scale`.
        tolerance: relative size of rounding. A switch whose distance and rate are both below it
            compares two values that are equal along the whole segment: its bit is set whatever
            the rounding says, and it never flips.
        seed: uint32 [2]. An argument of the compiled code, lest XLA folds all weights into it.

    Returns:
        The pattern. Patterns that differ have equal fingerprints with probability 2^-64 (the
        hash is a sum of pseudo-random weights of the set bits, one weight per switch and word).
    """
    fingerprint = jnp.zeros(2, jnp.uint32)
    left = right = jnp.asarray(jnp.inf)
    offset = 0
    for distance, rate, bit, scale in zip(distances, rates, bits, scales, strict=True):
        if distance.size == 0:
            continue
        fastest = jnp.max(jnp.abs(rate))
        idle = jnp.abs(rate) <= tolerance * fastest
        tie = idle & (distance <= tolerance * (scale + fastest))
        fingerprint = fingerprint + _hash(bit | tie, offset, seed)
        offset += distance.size
        flips = ~tie & (rate != 0)
        time = distance / jnp.where(flips, jnp.abs(rate), 1)
        right = jnp.minimum(right, jnp.min(jnp.where(flips & (rate < 0), time, jnp.inf)))
        left = jnp.minimum(left, jnp.min(jnp.where(flips & (rate > 0), time, jnp.inf)))
    return Pattern(fingerprint, left, right)


def _hash(bits: jax.Array, offset: int, seed: jax.Array) -> jax.Array:
    """Sum of pseudo-random 32-bit weights of the set bits, modulo 2^32, for both seeds."""
    count = np.uint32(bits.size)
    index = jnp.arange(count, dtype=jnp.uint32) + np.uint32(offset)
    weights = _mix((index * np.uint32(0x9E3779B9))[None] + seed[:, None])
    return jnp.sum(jnp.where(bits.reshape(1, -1), weights, 0), axis=1, dtype=jnp.uint32)


def _mix(word: jax.Array) -> jax.Array:
    """A bijective scrambling of 32-bit words: every input bit reaches every output bit."""
    word = (word ^ (word >> 16)) * np.uint32(0x85EBCA6B)
    word = (word ^ (word >> 13)) * np.uint32(0xC2B2AE35)
    return word ^ (word >> 16)
