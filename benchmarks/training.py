"""Images a second of training ResNet18, beside a plain PyTorch loop of the same network.

    python benchmarks/training.py [--width=64] [--batch_size=256] [--steps=4] [--repeats=5]

Needs PyTorch (`pip install -e ".[test-torch]"`). Both train on 32x32x3 random images that are
resident on the device, with SGD, momentum and weight decay. rcjax runs its real compiled epoch:
shuffling, normalisation and all steps in one call. PyTorch runs what most people write: float32,
one step after the other. All are run in turn; the ratio is of runs next to each other.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np
import torch
from measuring import interleaved, machine, ratio, spread
from pytorch_resnet import resnet

from rcjax.models import functional
from rcjax.runtime.devices import local_mesh, replicate
from rcjax.training.epoch import EpochSettings, make_epoch, no_sums
from rcjax.training.inputs import InputSettings
from rcjax.training.optimizer import Optimizer
from rcjax.training.state import create_state

# Dense peak of the chip in TFLOP/s by the vendors' data sheets, for bfloat16 with float32 sums.
PEAK = {"NVIDIA A100": 312, "NVIDIA H100": 989, "NVIDIA H200": 989, "TPU v4": 275, "TPU v5e": 197}
# Multiplications and additions of a forward pass of one 32x32 image at width 64; backward is twice.
FORWARD_FLOP = 2 * 0.556e9


def rcjax_epoch(precision: str, network: str, width: int | None, batch_size: int, images, labels):
    """A function that trains one epoch, and the seconds its compilation took."""
    dtype = jnp.bfloat16 if precision == "bfloat16" else jnp.float32
    init, apply = functional(network, width=width, image_size=images.shape[1], compute_dtype=dtype)
    mesh = local_mesh()
    optimizer = Optimizer()
    settings = EpochSettings(batch_size, InputSettings(mean=(0.5,) * 3, std=(0.25,) * 3))
    programs, steps = make_epoch(apply, optimizer, settings, mesh), len(images) // batch_size
    state = replicate(mesh, create_state(init, optimizer, seed=0))
    data = replicate(mesh, (jnp.asarray(images), jnp.asarray(labels)))
    numbers = {"learning_rate": 0.01, "momentum": 0.9, "weight_decay": 1e-6}
    numbers = {name: jnp.float32(value) for name, value in numbers.items()}
    start = time.perf_counter()
    train = programs.steps.lower(state, no_sums(settings), *data, numbers, 0, steps).compile()
    end = programs.end.lower(state, no_sums(settings), *data, numbers).compile()
    seconds = time.perf_counter() - start
    holder = [state]

    def run():
        sums = replicate(mesh, no_sums(settings))
        state, sums = train(holder[0], sums, *data, numbers, 0, steps)
        holder[0], metrics = end(state, sums, *data, numbers)
        jax.block_until_ready(metrics)

    return run, seconds


def pytorch_epoch(network: torch.nn.Module, batch_size: int, images, labels):
    """A function that trains one epoch of a plain PyTorch loop."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.to(device).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-6)
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).to(device)
    targets = torch.from_numpy(labels.astype(np.int64)).to(device)

    def run():
        order = torch.randperm(len(pixels), device=device)
        for start in range(0, len(pixels), batch_size):
            chosen = order[start : start + batch_size]
            batch = (pixels[chosen].float() / 255 - 0.5) / 0.25
            loss = torch.nn.functional.cross_entropy(network(batch), targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss.item()

    return run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=4, help="batches in an epoch")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    count = arguments.steps * arguments.batch_size
    random = np.random.default_rng(0)
    images = random.integers(0, 256, size=(count, 32, 32, 3), dtype=np.uint8)
    labels = random.integers(0, 10, size=count).astype(np.int32)
    print(machine(), f"\nPyTorch {torch.__version__}, {torch.get_num_threads()} threads")

    data = (arguments.batch_size, images, labels)
    runs = {"PyTorch float32": pytorch_epoch(resnet(width=arguments.width), *data)}
    for precision in ("float32", "bfloat16"):
        run, seconds = rcjax_epoch(precision, "resnet18", arguments.width, *data)
        runs[f"rcjax {precision}"] = run
        print(f"compiled the {precision} epoch in {seconds:.1f} s")
    seconds = interleaved(runs, arguments.repeats)

    flop = 3 * FORWARD_FLOP * (arguments.width / 64) ** 2
    peak = next((v for k, v in PEAK.items() if jax.devices()[0].device_kind.startswith(k)), None)
    print(f"\nResNet18 of width {arguments.width}, batches of {arguments.batch_size}")
    print(f"{'loop':<16} {'images a second':<28} {'of PyTorch':<28} TFLOP/s")
    for name, values in seconds.items():
        rates = [count / s for s in values]
        speed = sorted(rates)[len(rates) // 2] * flop / 1e12
        share = f" ({100 * speed / peak:.0f} % of the bfloat16 peak)" if peak else ""
        faster = ratio(seconds["PyTorch float32"], values)
        print(f"{name:<16} {spread(rates):<28} {faster:<28} {speed:.3f}{share}")


if __name__ == "__main__":
    main()
