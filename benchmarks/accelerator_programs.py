"""Compiles the adaptive count for an accelerator that is not there, and says what it consists of.

    pip install "jax[cuda12]"                                         # or "jax[tpu]"
    python benchmarks/accelerator_programs.py [--platform=cuda] [--segments 100 10000]

For an NVIDIA H100 (`--platform=cuda`) or a TPU v5e (`--platform=tpu`), by JAX's compilation ahead
of time: no program runs and no time is measured but that of compilation, on the host. For each
count: points of a batch, segments of a block, memory, and how many operations the device starts
for a round, a batch of points, and a chunk of 4,096 intervals.
"""

import argparse
import collections
import os
import re
import time

os.environ.setdefault("JAX_SKIP_CUDA_CONSTRAINTS_CHECK", "1")  # which asks the driver
os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")

import jax
import jax.numpy as jnp
import numpy as np
from forward_cost import parameters_of, small
from jax.experimental import topologies
from jax.sharding import NamedSharding, PartitionSpec

from rcjax.models import create
from rcjax.regions.adaptive import compiled
from rcjax.regions.adaptive.options import AdaptiveOptions
from rcjax.regions.classifier import Evaluator, MixedEvaluator

# What XLA asks of an H100 (sizes in bytes, per block, core or second).
H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 threads_per_core_limit: 2048
  shared_memory_per_block: 49152 shared_memory_per_core: 233472
  shared_memory_per_block_optin: 232448
  core_count: 132 fpus_per_core: 128 clock_rate_ghz: 1.98 cuda_compute_capability { major: 9 }
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 device_memory_size: 84929347584
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA" dnn_version_info { major: 9 minor: 7 }
runtime_version { major: 12 minor: 8 patch: 0 } device_description_str: "NVIDIA H100 80GB HBM3"
"""
NOT_STARTED = {"parameter", "constant", "get-tuple-element", "tuple", "bitcast", "while"}
EVALUATOR = {"float32": Evaluator, "mixed": MixedEvaluator}
# The loops of a program in their order: in a round all points are evaluated, in mixed precision
# some again; then come the points' surroundings, the intervals, and those that change their label.
LOOPS = {
    "float32": {"/0": "round", "/0/0": "batch", "/0/1": "around", "/0/2": "intervals",
                "/0/3": "changes"},
    "mixed": {"/0": "round", "/0/0": "batch", "/0/1/0": "batch again", "/0/2": "around",
              "/0/3": "intervals", "/0/4": "changes"},
}  # fmt: skip


def device_of(platform: str) -> jax.Device:
    """A device of a topology that is described and not there."""
    described = (
        topologies.get_topology_desc(platform="cuda", target_config=H100, topology="1x1x1")
        if platform == "cuda"
        else topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x2")
    )
    return described.devices[0]


def lowered(predict, features: tuple[int, ...], segments: int, precision: str, device: jax.Device):
    """The program that counts that many segments, and its sizes."""
    evaluator = EVALUATOR[precision](
        predict, features, devices=[device], in_rounds=True, largest_round=11 * segments
    )
    counter = compiled.CompiledCounter(
        evaluator, AdaptiveOptions(points=8_193), automatic_batch=True
    )
    sizes, slices = counter.sizes, counter.slices_per_device
    program, arrays = evaluator.traced(sizes.batch)
    low = evaluator.low_program_for(sizes.batch) if precision == "mixed" else None
    everywhere = NamedSharding(evaluator.mesh, PartitionSpec())

    def abstract(value) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(np.shape(value), jnp.result_type(value), sharding=everywhere)

    block = jax.tree.map(
        abstract,
        compiled.OnDevices(
            arrays,
            np.broadcast_to(np.float32(0), (slices, 2, *features)),
            np.zeros(1, np.int32),
            counter.weights,
            counter.coarse,
            counter.refining,
        ),
    )
    return (
        compiled._count.lower(
            block, program=program.handle, low=low, sizes=sizes, locate=False, mesh=evaluator.mesh
        ),
        sizes,
        slices,
    )


def started(text: str) -> dict[str, int]:
    """Operations that the device starts, by the loop that they stand in.

    "" stands for none, "/0" for the first loop, "/0/1" for the second inside of it.
    """
    bodies, name = {}, ""
    for line in text.splitlines():
        if begin := re.match(r"(ENTRY )?%?([\w.\-]+) \(.*\{$", line):
            name = "" if begin[1] else begin[2]
            bodies[name] = []
        elif line.startswith("  "):
            bodies[name].append(line)
    counts = collections.Counter()

    def visit(body: str, path: str) -> None:
        loops = 0
        for line in bodies[body]:
            operation = re.search(r" ([a-z][a-z\-]*)\(", line.split(" = ", 1)[-1])
            counts[path] += operation is not None and operation[1] not in NOT_STARTED
            if operation is not None and operation[1] == "while":
                visit(re.search(r"body=%?([\w.\-]+)", line)[1], f"{path}/{loops}")
                loops += 1

    visit("", "")
    return dict(counts)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--platform", choices=["cuda", "tpu"], default="cuda")
    parser.add_argument("--segments", type=int, nargs="+", default=[100, 10_000])
    parser.add_argument("--precision", nargs="+", choices=list(EVALUATOR), default=list(EVALUATOR))
    arguments = parser.parse_args()
    device = device_of(arguments.platform)
    print(f"compiled for {device.device_kind} by jax {jax.__version__}; nothing runs")
    resnet = create("resnet18")
    resnet.eval()
    one = jax.tree_util.Partial(small, parameters_of(np.random.default_rng(0)))
    for name, predict, features in (
        ("40-100-100-10", one, (40,)),
        ("ResNet18", resnet, (32, 32, 3)),
    ):
        for segments in arguments.segments:
            for precision in arguments.precision:
                program, sizes, slices = lowered(predict, features, segments, precision, device)
                start = time.perf_counter()
                executable = program.compile()
                seconds, memory = time.perf_counter() - start, executable.memory_analysis()
                parts = (
                    memory.argument_size_in_bytes,
                    memory.output_size_in_bytes,
                    memory.temp_size_in_bytes,
                )
                found = started(executable.as_text())
                loops = {loop: found[path] for path, loop in LOOPS[precision].items()}
                print(
                    f"{name}, {segments:,} segments, {precision}: batches of {sizes.batch}, "
                    f"{slices:,} segments a block, {sum(parts) / 1e6:,.0f} MB, compiled in "
                    f"{seconds:.0f} s; operations of each loop: {loops}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
