"""Networks x steps a second of many runs in one program, beside loops of single runs.

    python benchmarks/edge_of_stability.py [--networks=1000] [--steps=20000] [--repeats=5]

Two-layer ReLU networks of width 100 on 20 points, full-batch gradient descent. Compared with a
loop over networks that calls a compiled step for every step, as most people write it, and with a
loop that runs all steps of a network in one compiled call. The three run in turn, on a share of the
work; then the whole work is done once, and one measurement of all networks (sharpness, counts,
bound).
"""

import argparse
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from measuring import interleaved, machine, ratio, spread

from rcjax.config.loading import load_config
from rcjax.config.overrides import apply_overrides
from rcjax.edge_of_stability.measuring import Experiment

TOGETHER, CALL_A_NETWORK, CALL_A_STEP = (
    "together",
    "a call for each network",
    "a call for each step",
)
CHUNK = 200  # steps of all networks in a timed call
SINGLE_STEPS = 1000  # of the one network in a timed loop


def make_experiment(networks: int) -> Experiment:
    config = load_config("configs/edge_of_stability.py")
    fields = {
        "learning_rates.count": "10",
        "learning_rates.smallest": "0.005",
        "learning_rates.largest": "0.1",
        "seeds": str(-(-networks // 10)),
        "data.points": "20",
        "network.width": "100",
        "steps": str(CHUNK),
        "measurements": "1",
    }
    apply_overrides(config, fields)
    return Experiment(config)


def all_networks(experiment: Experiment) -> Callable[[int], None]:
    """A function that trains all networks for some chunks of steps."""
    start = experiment.initial_parameters()
    active = np.full(len(experiment.runs), True)

    def run(chunks: int) -> None:
        parameters = start
        for chunk in range(chunks):
            parameters = experiment.advance(parameters, chunk * CHUNK, active)
        jax.block_until_ready(parameters)

    return run


def one_network(experiment: Experiment, calls: int) -> Callable[[], None]:
    """A function that trains one network for SINGLE_STEPS steps, divided into some calls."""
    points, labels = jnp.asarray(experiment.data.points), jnp.asarray(experiment.data.labels)
    first = jax.tree.map(lambda leaf: leaf[0], experiment.initial_parameters())

    def objective(parameters):
        return 0.5 * jnp.mean((experiment.network.outputs(parameters, points) - labels) ** 2)

    def step(_, parameters):
        gradient = jax.grad(objective)(parameters)
        return jax.tree.map(lambda old, slope: old - 0.01 * slope, parameters, gradient)

    advance = jax.jit(lambda start: jax.lax.fori_loop(0, SINGLE_STEPS // calls, step, start))

    def run() -> None:
        parameters = first
        for _ in range(calls):
            parameters = advance(parameters)
        jax.block_until_ready(parameters)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(machine())
    experiment = make_experiment(arguments.networks)
    networks = len(experiment.runs)
    together = all_networks(experiment)
    seconds = interleaved(
        {
            TOGETHER: lambda: together(1),
            CALL_A_NETWORK: one_network(experiment, calls=1),
            CALL_A_STEP: one_network(experiment, calls=SINGLE_STEPS),
        },
        arguments.repeats,
    )
    work = {TOGETHER: networks * CHUNK, CALL_A_NETWORK: SINGLE_STEPS, CALL_A_STEP: SINGLE_STEPS}
    each = {name: [value / work[name] for value in values] for name, values in seconds.items()}
    print(f"\n{'':<24} {'thousand networks x steps / s':<32} times slower than together")
    for name, values in each.items():
        rates = spread([1e-3 / value for value in values])
        print(f"{name:<24} {rates:<32} {ratio(values, each[TOGETHER])}")

    chunks = -(-arguments.steps // CHUNK)
    start = time.perf_counter()
    together(chunks)
    print(f"\n{networks} networks x {chunks * CHUNK} steps: {time.perf_counter() - start:.1f} s")
    parameters = experiment.initial_parameters()
    experiment.measure(parameters)  # compiles
    start = time.perf_counter()
    experiment.measure(parameters)
    print(f"one measurement of all: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
