"""Networks x steps a second of many runs in one program, beside a loop of single runs.

    python benchmarks/edge_of_stability.py [--networks=1000] [--steps=20000] [--single=3]

Two-layer ReLU networks of width 100 on 20 points, full-batch gradient descent. The loop compiles
its step once and calls it for every step of every network, as most people write it; a second loop
runs all steps of one network in one call. Both are timed on a few networks and steps, and their
rates compared. With --measure the experiment's measurements (sharpness, counts, bound) are timed
as well.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np
from measuring import machine

from rcjax.configuration import apply_overrides, load_config
from rcjax.study.edge_of_stability.measuring import Laboratory


def make_laboratory(networks: int, steps: int) -> Laboratory:
    config = load_config("configs/edge_of_stability.py")
    apply_overrides(
        config,
        {
            "learning_rates.count": "10",
            "learning_rates.smallest": "0.005",
            "learning_rates.largest": "0.1",
            "seeds": str(-(-networks // 10)),
            "data.points": "20",
            "network.width": "100",
            "steps": str(steps),
            "measurements": "1",
        },
    )
    return Laboratory(config)


def seconds_together(laboratory: Laboratory, steps: int, chunk: int) -> float:
    """All networks, in chunks of steps as the experiment has between two measurements."""
    parameters = laboratory.initial_parameters()
    active = np.full(len(laboratory.runs), True)
    jax.block_until_ready(laboratory.advance(parameters, 0, active))  # compiles
    start = time.perf_counter()
    for first in range(0, steps, chunk):
        parameters = laboratory.advance(parameters, first, active)
    jax.block_until_ready(parameters)
    return time.perf_counter() - start


def steps_a_second_alone(laboratory: Laboratory, whole_run: bool, single: int) -> float:
    """A loop over networks: all steps of one in a call, or a call for each step."""
    points, labels = jnp.asarray(laboratory.data.points), jnp.asarray(laboratory.data.labels)

    def objective(parameters):
        return 0.5 * jnp.mean((laboratory.network.outputs(parameters, points) - labels) ** 2)

    def step(parameters, learning_rate):
        gradient = jax.grad(objective)(parameters)
        return jax.tree.map(lambda old, slope: old - learning_rate * slope, parameters, gradient)

    steps = 2000
    if whole_run:
        advance = jax.jit(
            lambda start, rate: jax.lax.fori_loop(0, steps, lambda _, p: step(p, rate), start)
        )
        calls = 1
    else:
        advance, calls = jax.jit(step), steps
    everyone = laboratory.initial_parameters()
    jax.block_until_ready(advance(jax.tree.map(lambda leaf: leaf[0], everyone), 0.01))
    start = time.perf_counter()
    for run in range(single):
        parameters = jax.tree.map(lambda leaf, run=run: leaf[run], everyone)
        for _ in range(calls):
            parameters = advance(parameters, 0.01)
        jax.block_until_ready(parameters)
    return single * steps / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--single", type=int, default=3)
    parser.add_argument("--measure", action="store_true")
    options = parser.parse_args()
    print(machine())
    chunk = max(1, options.steps // 20)
    laboratory = make_laboratory(options.networks, chunk)
    networks = len(laboratory.runs)
    seconds = seconds_together(laboratory, chunk * 20, chunk)
    together = networks * chunk * 20 / seconds
    print(f"{networks} networks x {chunk * 20} steps together: {seconds:.1f} s")
    print(f"{'together':<36}{together:>12,.0f} networks x steps / s")
    for whole_run, name in ((True, "one by one, a call for a network"), (False, "a call per step")):
        alone = steps_a_second_alone(laboratory, whole_run, options.single)
        print(f"{name:<36}{alone:>12,.0f} networks x steps / s   {together / alone:.1f} x slower")
    if options.measure:
        parameters = laboratory.initial_parameters()
        laboratory.measure(parameters)
        start = time.perf_counter()
        laboratory.measure(parameters)
        print(f"one measurement of all: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
