"""The slices of many networks: the same for all of them, or some of its own for each."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import TypeAlias

import jax
import numpy as np

from rcjax.array_types import Float
from rcjax.regions import simplex
from rcjax.regions.anchors import INSIDE_JIT, as_array, refuse_masked, segment_lengths
from rcjax.regions.request import Request
from rcjax.regions.types import Block

# The first axis is that of the networks, or 1 where all share the slices.
NetworkBlock: TypeAlias = Float[np.ndarray, "networks slices anchors *features"]

# Bytes of anchors that one call of a compiled program is given.
_BYTES_PER_CALL = 2**27


def check_own_slices(anchors: object) -> np.ndarray:
    """Returns anchors [networks, slices, dim + 1, *features] as an array.

    Raises:
        ValueError: they are none, or have too few axes.
    """
    if isinstance(anchors, jax.core.Tracer):
        raise ValueError(INSIDE_JIT)
    refuse_masked("anchors", anchors)
    stacked = as_array("anchors", anchors)
    if stacked.ndim < 4 or len(stacked) == 0:
        raise ValueError(
            "with own_slices=True anchors must have shape [networks, slices, dim + 1, *features], "
            f"got {stacked.shape}; leave own_slices out where all networks share the slices"
        )
    return stacked


class SliceRange:
    """Consecutive slices of every network.

    Args:
        first: number of the first of them.
        stop: number of the first after them.
        requests: one for all networks, or one for each.
    """

    def __init__(self, first: int, stop: int, requests: tuple[Request, ...]):
        self.first, self.stop = first, stop
        self._requests = requests

    def block(self, start: int, stop: int) -> NetworkBlock:
        """Anchors of the networks from `start` to `stop`; read once where they are shared."""
        if len(self._requests) == 1:
            return self._shared
        return np.stack([self._own(network) for network in range(start, stop)])

    @functools.cached_property
    def _shared(self) -> NetworkBlock:
        return self._requests[0].block(self.first, self.stop)[None]

    def _own(self, network: int) -> Block:
        try:
            return self._requests[network].block(self.first, self.stop)
        except ValueError as error:
            raise ValueError(f"network {network}: {error}") from error


class NetworkSlices:
    """What slices each of many networks is counted on.

    Args:
        request: its anchors are those that all networks share.
        networks: their number.
        own: anchors [networks, slices, dim + 1, *features] in place of the shared ones, or None.

    Raises:
        ValueError: `own` is for another number of networks.
    """

    def __init__(self, request: Request, networks: int, own: np.ndarray | None):
        if own is not None and len(own) != networks:
            raise ValueError(
                f"with own_slices=True anchors of shape {own.shape} are for {len(own)} networks, "
                f"but parameters hold {networks}"
            )
        self._requests = (
            (request,)
            if own is None
            else tuple(dataclasses.replace(request, anchors=anchors) for anchors in own)
        )
        self._bytes = 4 * int(np.prod(request.anchors.shape[1:]))

    def at_most(self, networks: int) -> int:
        """Slices of one call that counts so many networks, as far as memory is concerned."""
        anchors = self._bytes * min(networks, len(self._requests))
        return int(np.clip(_BYTES_PER_CALL // anchors, 1, self._requests[0].slices))

    def ranges(self, size: int) -> Iterator[SliceRange]:
        """Ranges of at most `size` slices."""
        slices = self._requests[0].slices
        for first in range(0, slices, size):
            yield SliceRange(first, min(first + size, slices), self._requests)

    def request_of(self, network: int) -> Request:
        """The request with the slices of one network."""
        return self._requests[network % len(self._requests)]


def filled_up(block: NetworkBlock, width: int) -> NetworkBlock:
    """The block with its last network repeated up to `width`; as it is where all share slices."""
    missing = width - len(block) if len(block) > 1 else 0
    return np.concatenate([block, np.repeat(block[-1:], missing, axis=0)]) if missing else block


def sizes_of(
    block: NetworkBlock, extent: tuple[float, float]
) -> Float[np.ndarray, "networks slices"]:
    """Distances between the two anchors of segments; volumes of slices of more dimensions."""
    if block.shape[2] == 2:
        return np.stack([segment_lengths(anchors) for anchors in block])
    return np.stack([simplex.volumes(anchors, extent) for anchors in block])
