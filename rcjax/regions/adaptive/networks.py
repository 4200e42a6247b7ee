"""Counts many networks adaptively on segments: one compiled program, network by network.

The rounds of one network are too many small steps for several networks to share a batch: the
program maps over networks, so that memory is that of one and the host is asked once a chunk.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from rcjax.array_types import Float
from rcjax.regions.adaptive.compiled import CompiledCounter
from rcjax.regions.adaptive.evaluating import Evaluations, OnDevices, Sizes, evaluate_by
from rcjax.regions.adaptive.pool import AFTER, LABEL, SEGMENT, Pool
from rcjax.regions.adaptive.rounds import count_block
from rcjax.regions.adaptive.score_kind import moving
from rcjax.regions.classifier import Handle, Program, compiled, invalid
from rcjax.regions.types import Arrays


def count_networks(
    counter: CompiledCounter,
    program: Program,
    arrays: Arrays,
    leaves: list[jax.Array],
    block: Float[np.ndarray, "networks slices anchors *features"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts a chunk of networks on a block of segments.

    Args:
        counter: holds the options and the sizes; its kind of scores must be known.
        program: `program(arrays, leaves of one network, points)` at `counter.sizes` batches.
        arrays: of the program.
        leaves: parameters, [networks, ...] each; networks are a multiple of the devices.
        block: anchors [networks, slices, 2, *features], or [1, ...] where all share them; at most
            `counter.slices_per_device` slices.

    Returns:
        counts int32 [networks, slices]; points evaluated, int32 [networks]; and bool [networks],
        whether the counts hold: there was room for all points, and no scores that stood still.
    """
    evaluator = counter.evaluator
    slices = block.shape[1]
    anchors = np.zeros((len(block), counter.slices_per_device, *block.shape[2:]), np.float32)
    anchors[:, :slices] = block
    counts, used, valid, unfinished, in_steps = _count_networks(
        [evaluator.spread(leaf) for leaf in leaves],
        OnDevices(
            arrays, anchors, np.array([slices], np.int32), counter.weights, counter.coarse,
            counter.refining,
        ),
        program=program.handle, sizes=counter.sizes, mesh=evaluator.mesh,
    )  # fmt: skip
    if not bool(np.asarray(valid).all()):
        wrong = int((~np.asarray(valid)).sum())
        raise invalid(evaluator.classes is not None, f"{wrong} of {len(valid)} networks")
    done = np.asarray(unfinished) == 0
    if counter.start == "continuous":
        is_moving = np.stack([moving(each) for each in block])
        done &= ~(np.asarray(in_steps)[:, :slices] & is_moving).any(axis=1)
    return np.asarray(counts)[:, :slices], np.asarray(used), done


@compiled("program", "sizes", "mesh")
def _count_networks(
    leaves: list[jax.Array], block: OnDevices, *, program: Handle, sizes: Sizes, mesh: Mesh
) -> tuple[jax.Array, ...]:
    own = len(block.anchors) > 1

    def on_device(leaves: list[jax.Array], block: OnDevices) -> tuple[jax.Array, ...]:
        def one(leaves: list[jax.Array], anchors: jax.Array) -> tuple[jax.Array, ...]:
            classify = functools.partial(program, block.arrays, *leaves)
            found = count_block(
                Evaluations(evaluate_by(classify, block._replace(anchors=anchors))),
                block.coarse,
                block.shares[0],
                block.options,
                at_most=len(anchors),
                sizes=sizes,
                locate=False,
            )
            counts = _regions(found.pool, found.used, len(anchors))
            return counts, found.used, found.valid, found.unfinished, found.in_steps

        anchors = jnp.asarray(block.anchors)
        found: tuple[jax.Array, ...] = (
            jax.lax.map(lambda network: one(*network), (leaves, anchors))
            if own
            else jax.lax.map(lambda leaves: one(leaves, anchors[0]), leaves)
        )
        return found

    if mesh.size > 1:
        here, everywhere = PartitionSpec(mesh.axis_names[0]), PartitionSpec()
        of_block = OnDevices._make([everywhere, here if own else everywhere, *[everywhere] * 4])
        on_device = jax.shard_map(
            on_device, mesh=mesh, in_specs=(here, of_block), out_specs=here, check_vma=False
        )
    return on_device(leaves, block)


def _regions(pool: Pool, used: jax.Array, slices: int) -> jax.Array:
    """Regions of every segment: one more than its changes of label."""
    after = pool.points[:, AFTER]
    real = (jnp.arange(len(after)) < used) & (after != pool.none)
    changes = real & (pool.points[:, LABEL] != pool.points[after, LABEL])
    segment = jnp.where(changes, pool.points[:, SEGMENT], slices)
    return 1 + jnp.zeros(slices, jnp.int32).at[segment].add(1, mode="drop")
