"""Time of a count over the bare forward pass of as many points, and of many networks at once.

    python benchmarks/forward_cost.py [--segments 20 100 1000] [--networks=100] [--resnet] \
        [--repeats=7]

The networks are untrained: a fully connected 40-100-100-10, with --resnet a ResNet18 of width 16 on
32x32x3 images. `first` is the first count of a process: tracing and compilation included.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np
from measuring import interleaved, machine, ratio, spread

from rcjax import count_regions, slices
from rcjax.models import create

SIZES = ((40, 100), (100, 100), (100, 10))
BATCHES = {"small": 512, "resnet18": 32}


def small(parameters, points):
    for weights in parameters[:-1]:
        points = jax.nn.relu(points @ weights)
    return points @ parameters[-1]


def parameters_of(random: np.random.Generator, *leading: int) -> list[np.ndarray]:
    scale = [np.sqrt(2 / size[0]) for size in SIZES]
    return [
        (random.normal(size=(*leading, *size)) * s).astype("float32")
        for size, s in zip(SIZES, scale, strict=True)
    ]


def rows(name: str, predict, features: tuple[int, ...], segments: list[int], repeats: int) -> None:
    """One row for each number of segments and method."""
    points = np.random.default_rng(0).normal(size=(500, *features)).astype("float32")
    forward, batch = jax.jit(predict), jnp.zeros((BATCHES[name], *features))
    for count in segments:
        anchors = np.asarray(slices.between_points(jax.random.key(0), points, count=count))
        start = time.perf_counter()
        evaluations = count_regions(predict, anchors, method="adaptive").evaluations
        first = time.perf_counter() - start
        batches = -(-evaluations // len(batch))
        seconds = interleaved(
            {
                "adaptive": lambda a=anchors: count_regions(predict, a, method="adaptive"),
                "grid": lambda a=anchors: count_regions(predict, a),
                "forward": lambda n=batches: jax.block_until_ready(
                    [forward(batch) for _ in range(n)]
                ),
            },
            repeats,
        )
        print(
            f"{name:<9} {count:>6} segments, {evaluations / count:.1f} evaluations each: adaptive "
            f"{spread(seconds['adaptive'])} s; over forward "
            f"{ratio(seconds['adaptive'], seconds['forward'])}; "
            f"grid / adaptive {ratio(seconds['grid'], seconds['adaptive'])}; first {first:.2f} s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--segments", type=int, nargs="+", default=[20, 100, 1000])
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--resnet", action="store_true")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    print(machine())
    random = np.random.default_rng(0)
    if arguments.resnet:
        model = create("resnet18", width=16)
        model.eval()
        rows("resnet18", model, (32, 32, 3), arguments.segments, arguments.repeats)
        return
    one = jax.tree_util.Partial(small, parameters_of(random))
    rows("small", one, (40,), arguments.segments, arguments.repeats)
    many = parameters_of(random, arguments.networks)
    points = random.normal(size=(500, 40)).astype("float32")
    anchors = np.asarray(slices.between_points(jax.random.key(0), points, count=500))
    together(many, anchors)


def together(many: list[np.ndarray], anchors: np.ndarray) -> None:
    """Many networks in one call, in both precisions; where these differ, who is right."""
    found = {}
    for precision in ("float32", "mixed"):
        for attempt in ("first", "again"):
            start, cpu = time.perf_counter(), time.process_time()
            found[precision] = count_regions(
                small, anchors, method="adaptive", parameters=many, precision=precision
            )
            print(
                f"{len(many[0])} networks x 500 segments, adaptive, {precision}, {attempt}: "
                f"{time.perf_counter() - start:.1f} s, "
                f"{time.process_time() - cpu:.1f} s of the processor"
            )
    exact, mixed = found["float32"], found["mixed"]
    right = dict.fromkeys(found, 0)
    differing = np.argwhere(exact.counts != mixed.counts)
    for network, segment in differing:
        one = jax.tree_util.Partial(small, [jnp.asarray(leaf[network]) for leaf in many])
        fine = count_regions(one, anchors[segment : segment + 1], points=8_193).counts[0]
        for name, counts in found.items():
            right[name] += int(counts.counts[network, segment] == fine)
    print(
        f"{mixed.reevaluated_share.mean():.1%} evaluated twice; {len(differing)} of "
        f"{mixed.counts.size} counts differ, of which the 8,193-point grid has {right}"
    )


if __name__ == "__main__":
    main()
