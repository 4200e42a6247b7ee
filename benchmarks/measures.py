"""Seconds for each group of measures, compiling and warm, on a narrow ResNet18 on digits.

    python benchmarks/measures.py [--network=resnet18] [--width=8] [--examples=300] [--repeats=3]

The network is trained for some full-batch steps first. Groups share nothing here, so what several
of them need (the margins) is paid for in each.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np
from measuring import machine, spread

from rcjax.data import load
from rcjax.measures import NAMES, Settings, TrainedNetwork, compute
from rcjax.models import functional

GROUPS = {
    "parameter norms": ("parameter_norm", "distance", "layer_distance"),
    "layer products": ("log_spectral_product", "log_frobenius"),
    "path norm": ("path_norm",),
    "margins": ("output_margin", "input_"),
    "Hessian eigenvalue": ("hessian_largest",),
    "Hessian trace": ("hessian_trace",),
    "SAM sharpness": ("sam_",),
    "PAC-Bayes": ("pac_bayes_",),
    "all measures": ("",),
}


def train(name: str, width: int, examples: int, steps: int) -> TrainedNetwork:
    dataset = load("digits", train_examples=examples)
    images = (dataset.train_images / 255 - dataset.mean) / dataset.std
    images, labels = jnp.asarray(images, jnp.float32), jnp.asarray(dataset.train_labels)
    init, apply = functional(name, width=width, image_size=images.shape[1], channels=1)
    initial, state = init(jax.random.key(0))

    @jax.jit
    def step(parameters, state):
        def loss(parameters):
            logits, new_state = apply(parameters, state, images, True)
            chosen = jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels]
            return -jnp.mean(chosen), new_state

        (value, state_after), gradient = jax.value_and_grad(loss, has_aux=True)(parameters)
        return jax.tree.map(lambda w, g: w - 0.1 * g, parameters, gradient), state_after, value

    parameters = initial
    for _ in range(steps):
        parameters, state, value = step(parameters, state)
    print(f"{name} of width {width}, {examples} digits, training loss {float(value):.3g}")
    return TrainedNetwork(apply, parameters, state, initial, np.asarray(images), np.asarray(labels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print(machine())
    network = train(arguments.network, arguments.width, arguments.examples, arguments.steps)
    settings = Settings()
    print(settings)
    print(f"\n{'':<20} {'first call, s':<16} warm, s")
    values = {}
    for group, starts in GROUPS.items():
        names = [name for name in NAMES if name.startswith(starts)]
        seconds = []
        for _ in range(arguments.repeats + 1):
            start = time.perf_counter()
            values |= compute(network, names, key=jax.random.key(1), settings=settings)
            seconds.append(time.perf_counter() - start)
        print(f"{group:<20} {seconds[0]:<16.3g} {spread(seconds[1:])}", flush=True)
    print()
    for name, value in values.items():
        print(f"{name:<42} {value:.6g}")


if __name__ == "__main__":
    main()
