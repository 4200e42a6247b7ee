"""How far measures that random numbers estimate scatter, beside the standard errors they state.

Run it: `python benchmarks/measure_errors.py` (twenty minutes).

Two networks are trained on digits and measured with other random numbers each time. Trace and
largest eigenvalue of the perceptron are held against its dense Hessian.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from measures import train
from measuring import machine

from rcjax.measures import Settings, compute

NAMES = (
    "hessian_trace",
    "pac_bayes_flatness",
    "pac_bayes_magnitude_flatness",
    "pac_bayes_bound_origin",
    "pac_bayes_magnitude_bound_origin",
    "hessian_largest_eigenvalue",
)
EXAMPLES, KEYS = 300, 40
NETWORKS = {"mlp": (16, 400), "resnet18": (8, 60)}  # width, steps of training
MOST_DENSE = 3000  # parameters


def dense_hessian(network):
    flat, restore = ravel_pytree(network.parameters)

    def loss(weights):
        logits = network.apply(restore(weights), network.model_state, network.images, False)[0]
        return -jax.nn.log_softmax(logits)[jnp.arange(len(network.labels)), network.labels].mean()

    return np.asarray(jax.jit(jax.hessian(loss))(flat), np.float64)


def measure_network(name, width, steps, keys):
    network = train(name, width, EXAMPLES, steps)
    size = ravel_pytree(network.parameters)[0].size
    exact = {}
    if size <= MOST_DENSE:
        hessian = dense_hessian(network)
        exact["hessian_trace"] = np.trace(hessian)
        exact["hessian_largest_eigenvalue"] = np.linalg.eigvalsh(hessian)[-1]
    print(f"{size} parameters; percent of the mean over {keys} keys:")
    stated = {name: [] for name in NAMES}
    values = {name: [] for name in NAMES}

    def note(name, value, error):
        values[name].append(value)
        stated[name].append(np.nan if error is None else error)

    for seed in range(keys):
        compute(network, NAMES, key=jax.random.key(seed), settings=Settings(), note=note)
    for name in NAMES:
        mean, scatter = np.mean(values[name]), np.std(values[name], ddof=1)
        # The error that an average run states: the root of the mean of the squares.
        error = np.sqrt(np.mean(np.square(stated[name])))
        text = f"{name}: scatter {100 * scatter / mean:.2f}, stated {100 * error / mean:.2f}"
        if name in exact:
            off = 100 * (mean / exact[name] - 1)
            text += f", mean off the exact value by {off:+.2f}"
        print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=KEYS)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    arguments = parser.parse_args()
    print(machine())
    for name in arguments.networks.split(","):
        measure_network(name, *NETWORKS[name], arguments.keys)


if __name__ == "__main__":
    main()
