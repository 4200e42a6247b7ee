"""Runs the compiled adaptive count on blocks of segments, on every device of an evaluator."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from rcjax.array_types import Float
from rcjax.regions import simplex
from rcjax.regions.adaptive.by_host import HostCounter
from rcjax.regions.adaptive.evaluating import (
    Evaluations,
    OnDevices,
    Refining,
    Sizes,
    evaluate_by,
)
from rcjax.regions.adaptive.options import AdaptiveOptions
from rcjax.regions.adaptive.points import coarse_grid
from rcjax.regions.adaptive.pool import LABEL
from rcjax.regions.adaptive.result import AdaptiveResult, concatenate, from_links, replace
from rcjax.regions.adaptive.rounds import Found, count_block
from rcjax.regions.adaptive.score_kind import (
    PROBED_SLICES,
    Nature,
    ScoreKind,
    moving,
    nature_of,
    places,
    probed,
)
from rcjax.regions.classifier import (
    Evaluator,
    Handle,
    MixedEvaluator,
    compiled,
    refuse_invalid,
)
from rcjax.regions.types import Block

# Points that a segment has room for on average, many times what a network takes.
ROOM_PER_SLICE = 64
# Scores held at a time on each device, float32.
LARGEST_POOL = 4_000_000
# Scores of the intervals examined at a time, and the fewest and most intervals: what the caches of
# a CPU hold; what fills an accelerator, which takes as long for fewer.
CHUNKS = {"cpu": (8_192, 16, 512)}
CHUNKS_ACCELERATOR = (2**20, 16, 4_096)
# Every round ends in a batch that is half empty on average, so batches are small beside blocks.
LARGEST_AUTOMATIC_BATCH = {"cpu": 256}
LARGEST_AUTOMATIC_BATCH_ACCELERATOR = 1_024
SLICES_PER_BATCH = 8
LARGEST_BLOCK = 8_192


class CompiledCounter:
    """Counts blocks of segments of a JAX function; each block is one call of a compiled program.

    Args:
        evaluator: of the classifier.
        options: how to count.
        automatic_batch: whether the batch size of the evaluator is its own choice.
        at_most: segments of a block on one device.

    Attributes:
        start, kind: of the scores, see `HostCounter`.
        coarse: int32, positions evaluated first.
        weights: float32 [points, 2], barycentric, of the points of the fine grid.
        refining: see `Refining`.
        slices_per_device: segments that a block has room for on one device.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        options: AdaptiveOptions,
        *,
        automatic_batch: bool,
        at_most: int | None = None,
    ):
        self._at_most = at_most or LARGEST_BLOCK
        self.evaluator, self.options = evaluator, options
        self.automatic_batch = automatic_batch
        self.start: ScoreKind | None = None if evaluator.classes else "labels"
        self.kind: ScoreKind | None = self.start
        self.grid = np.linspace(0.0, 1.0, options.points)
        self.refining = Refining(
            safety=jnp.float32(options.safety),
            logarithms=jnp.bool_(False),
            rounds=jnp.int32(options.points),
            error=jnp.float32(0),
        )
        self.weights = self.weights_at(self.grid)
        self.coarse, self.slices_per_device, self._room_per_slice = self._start(
            options.intervals(self.start)
        )
        self._room = self.slices_per_device * self._room_per_slice

    @property
    def slices_per_block(self) -> int:
        """Segments counted at a time, on all devices together."""
        return self.slices_per_device * len(self.evaluator.devices)

    @property
    def sizes(self) -> Sizes:
        """Sizes of the arrays on one device."""
        classes = self.evaluator.classes or 0
        return Sizes(
            batch=self._batch(),
            points=self._room,
            classes=classes,
            chunk=self._chunk(classes),
        )

    def _chunk(self, classes: int) -> int:
        """Intervals examined at a time on one device."""
        platform = self.evaluator.devices[0].platform
        scores, fewest, most = CHUNKS.get(platform, CHUNKS_ACCELERATOR)
        return min(max(scores // max(classes, 1), fewest), most)

    def count(self, block: Block) -> AdaptiveResult:
        """Counts the segments [slices, 2, *features] of a block."""
        self.evaluator.prove(block)
        if self.start is None:
            self._probe(block)
        devices = len(self.evaluator.devices)
        parts: list[AdaptiveResult] = []
        start = 0
        while start < len(block):
            at_most = max(1, min(self.slices_per_device, self._room // self._room_per_slice))
            part = block[start : start + devices * at_most]
            share = -(-len(part) // devices)
            shares = np.clip(len(part) - share * np.arange(devices), 0, share).astype(np.int32)
            found = self._found_in(part, shares)
            if any(on_device.valid and on_device.unfinished for on_device in found):
                # Anew with fewer segments; one never needs more than the points of the grid.
                self._room_per_slice = min(4 * self._room_per_slice, len(self.grid))
                self._room = max(self._room, self._room_per_slice)
                continue
            self._keep_errors(*np.array([(each.error, each.again) for each in found]).T)
            for on_device, slices in zip(found, shares, strict=True):
                refuse_invalid(np.asarray(on_device.pool.points[: on_device.used, LABEL]))
                if slices:
                    parts.append(from_links(on_device, int(slices), len(self.coarse), self.grid))
            start += len(part)
        result = concatenate(parts)
        self.evaluator.evaluations += int(result.evaluations.sum())
        return self._anew(block, result)

    def _keep_errors(self, errors: np.ndarray, again: np.ndarray) -> None:
        """Of mixed precision: what was measured on each device counts for the blocks to come."""
        if isinstance(self.evaluator, MixedEvaluator):
            self.evaluator.measured(float(errors.max()), int(again.sum()))
            error = jnp.float32(self.evaluator.largest_error)
            self.refining = self.refining._replace(error=error)

    def _anew(self, block: Block, result: AdaptiveResult) -> AdaptiveResult:
        """The result with the segments counted again whose scores stood still."""
        blind = result.in_steps & moving(block)
        if self.start != "continuous" or not blind.any():
            return result
        self.kind = "steps"
        if self.options.initial_intervals is not None:
            return result
        host = HostCounter(self.evaluator, self.options, start="steps")
        return replace(result, blind, host.count(block[blind]))

    def _found_in(self, part: Block, shares: np.ndarray) -> list[Found]:
        """Counts a part and brings the findings of each device to the host, as numpy arrays."""
        run = functools.partial(self._run, part, shares, self.weights, self.coarse, self.refining)
        found = self.evaluator.halving(run)
        found = jax.device_get(
            found._replace(pool=found.pool._replace(scores=jnp.zeros((len(shares), 0))))
        )
        return [jax.tree.map(lambda value, i=i: value[i], found) for i in range(len(shares))]

    def _start(self, intervals: int) -> tuple[np.ndarray, int, int]:
        """The coarse grid, the segments of a block and the points each of them has room for."""
        coarse = coarse_grid(self.options.points, intervals).astype(np.int32)
        room = LARGEST_POOL // max(self.evaluator.classes or 0, 1)
        room_per_slice = min(max(ROOM_PER_SLICE, 2 * len(coarse)), len(self.grid))
        slices = min(self._at_most, SLICES_PER_BATCH * self._batch(), room // room_per_slice)
        slices = max(slices, PROBED_SLICES if self.start is None else 1)
        return coarse, slices, room_per_slice

    def weights_at(self, positions: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
        """Barycentric weights of positions in [0, 1]."""
        low, high = self.options.extent
        inside = (1 - positions) * low + positions * high
        return simplex.barycentric_weights(inside[:, None])

    def _probe(self, block: Block) -> None:
        """Finds out the kind of the scores, by the program that counts."""
        part = block[probed(block)]
        shares = np.zeros(len(self.evaluator.devices), np.int32)
        shares[0] = len(part)
        weights = self.weights.copy()
        weights[: len(self.coarse)] = self.weights_at(places(len(self.coarse)))
        positions = np.arange(len(self.coarse), dtype=np.int32)
        # With an infinite error mixed precision evaluates every point in float32, too: bfloat16
        # moves in steps between points so close.
        once = self.refining._replace(rounds=jnp.int32(1), error=jnp.float32(np.inf))
        found = self.evaluator.halving(
            functools.partial(self._run, part, shares, weights, positions, once)
        )
        used = len(part) * len(positions)
        self.evaluator.evaluations += used
        self._keep_errors(np.asarray(found.error), np.asarray(found.again))
        refuse_invalid(np.asarray(found.pool.points[0, :used, LABEL]))
        scores = np.asarray(found.pool.scores[0, :used])
        scores = scores.reshape(len(part), len(positions), -1)
        self.take(nature_of(scores))

    def take(self, nature: Nature) -> None:
        """Counts from now on as suits the nature of the scores."""
        self.start = self.kind = nature.kind
        self.refining = self.refining._replace(logarithms=jnp.bool_(nature.probabilities))
        if nature.kind == "steps":
            self.coarse, self.slices_per_device, self._room_per_slice = self._start(
                self.options.intervals(nature.kind)
            )
            self._room = self.slices_per_device * self._room_per_slice

    def _batch(self) -> int:
        """Points evaluated at a time on one device."""
        devices = self.evaluator.devices
        batch = max(self.evaluator.batch_size // len(devices), 1)
        if not self.automatic_batch:
            return batch
        largest = LARGEST_AUTOMATIC_BATCH.get(
            devices[0].platform, LARGEST_AUTOMATIC_BATCH_ACCELERATOR
        )
        return min(batch, largest)

    def _run(
        self, part: Block, shares: np.ndarray, weights: np.ndarray, coarse: np.ndarray,
        refining: Refining,
    ) -> Found:  # fmt: skip
        """Counts a part and leaves the findings on the devices."""
        sizes = self.sizes
        program, arrays = self.evaluator.program_for(sizes.batch)
        low = None
        if isinstance(self.evaluator, MixedEvaluator):
            low = self.evaluator.low_program_for(sizes.batch)
        anchors = _pad(part, shares, self.slices_per_device)
        spread = self.evaluator.spread
        block = OnDevices(arrays, spread(anchors), spread(shares), weights, coarse, refining)
        found = _count(
            block, program=program, low=low, sizes=sizes, locate=self.options.locate,
            mesh=self.evaluator.mesh,
        )  # fmt: skip
        jax.block_until_ready(found)
        return found


def _pad(part: Block, shares: np.ndarray, slices: int) -> Block:
    """Anchors [devices * slices, 2, *features]: the share of each device, and zeros."""
    if len(shares) == 1 and len(part) == slices:
        return part
    padded = np.zeros((len(shares), slices, *part.shape[1:]), np.float32)
    start = 0
    for i, share in enumerate(shares):
        padded[i, :share] = part[start : start + share]
        start += share
    return padded.reshape(-1, *part.shape[1:])


@compiled("program", "low", "sizes", "locate", "mesh")
def _count(
    block: OnDevices, *, program: Handle, low: Handle | None, sizes: Sizes, locate: bool, mesh: Mesh
) -> Found:
    def on_device(block: OnDevices) -> Found:
        evaluate = evaluate_by(functools.partial(program, block.arrays), block)
        evaluations = Evaluations(evaluate)
        if low is not None:
            evaluations = Evaluations(
                first=evaluate_by(functools.partial(low, block.arrays), block), again=evaluate
            )
        found = count_block(
            evaluations,
            block.coarse,
            block.shares[0],
            block.options,
            at_most=len(block.anchors),
            sizes=sizes,
            locate=locate,
        )
        of_device: Found = jax.tree.map(lambda value: value[None], found)
        return of_device

    here, everywhere = PartitionSpec(mesh.axis_names[0]), PartitionSpec()
    if mesh.size > 1:
        parts = OnDevices._make([everywhere, here, here, *[everywhere] * 3])
        on_device = jax.shard_map(
            on_device, mesh=mesh, in_specs=(parts,), out_specs=here, check_vma=False
        )
    return on_device(block)
