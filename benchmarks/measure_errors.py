"""How far measures that random numbers estimate scatter, beside the standard errors they state.

Run it: `python benchmarks/measure_errors.py` (one minute).

A perceptron is trained on digits and measured with other random numbers each time. The trace is
held against that of the dense Hessian.
"""

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
WIDTH, EXAMPLES, STEPS, KEYS = 16, 300, 400, 20


def dense_hessian(network):
    flat, restore = ravel_pytree(network.parameters)

    def loss(weights):
        logits = network.apply(restore(weights), network.model_state, network.images, False)[0]
        return -jax.nn.log_softmax(logits)[jnp.arange(len(network.labels)), network.labels].mean()

    return np.asarray(jax.jit(jax.hessian(loss))(flat), np.float64)


def main():
    print(machine())
    network = train("mlp", WIDTH, EXAMPLES, STEPS)
    hessian = dense_hessian(network)
    exact = {
        "hessian_trace": np.trace(hessian),
        "hessian_largest_eigenvalue": np.linalg.eigvalsh(hessian)[-1],
    }
    print(f"{len(hessian)} parameters; percent of the mean over {KEYS} keys:")
    stated = {name: [] for name in NAMES}
    values = {name: [] for name in NAMES}

    def note(name, value, error):
        values[name].append(value)
        stated[name].append(np.nan if error is None else error)

    for seed in range(KEYS):
        compute(network, NAMES, key=jax.random.key(seed), settings=Settings(), note=note)
    for name in NAMES:
        mean, scatter = np.mean(values[name]), np.std(values[name], ddof=1)
        error = np.mean(stated[name])
        text = f"{name}: scatter {100 * scatter / mean:.2f}, stated {100 * error / mean:.2f}"
        if name in exact:
            off = 100 * (mean / exact[name] - 1)
            text += f", mean off the exact value by {off:+.2f}"
        print(text)


if __name__ == "__main__":
    main()
