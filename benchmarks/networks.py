"""All networks: parameters, compile seconds, forward and training images a second beside PyTorch.

    python benchmarks/networks.py [--networks=resnet18,mobilenet] [--batch_size=64] [--steps=2]
        [--imagenet_size=64] [--repeats=3]

Needs PyTorch (`pip install -e ".[test-torch]"`). Networks of the published widths, 10 classes,
float32, random images that are resident on the device: 32x32, for ImageNet's networks
`imagenet_size`. Training is that of training.py: rcjax's real compiled epoch beside a plain PyTorch
loop. `forward` is the evaluation mode, as the counter uses it. rcjax and PyTorch run in turn; the
ratio is of runs next to each other. A dash: no PyTorch code of the network is at hand. The logits
of both are compared before anything is measured.
"""

import argparse
import time
from collections.abc import Callable

import jax
import numpy as np
import torch
from flax import nnx
from measuring import interleaved, machine, ratio, spread
from pytorch_networks import NETWORKS, torch_state_dict
from training import pytorch_epoch, rcjax_epoch

from rcjax.models import NAMES, create, load_torch_state_dict

COLUMNS = ("parameters", "compile s", "forward images/s", "of PyTorch", "training", "of PyTorch")


def forward_passes(name: str, images: np.ndarray) -> tuple[dict[str, Callable], int]:
    """What is timed, by name, and the network's number of parameters."""
    model = create(name, image_size=images.shape[1])
    module = NETWORKS[name]().eval() if name in NETWORKS else None
    if module is not None:
        load_torch_state_dict(model, torch_state_dict(name, module))
    definition, arrays = nnx.split(model)
    compiled = jax.jit(lambda arrays, images: nnx.merge(definition, arrays)(images))
    on_device = jax.device_put(images)
    runs = {"rcjax": lambda: jax.block_until_ready(compiled(arrays, on_device))}
    if module is not None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        module, pixels = module.to(device), torch.from_numpy(images).to(device)
        pixels = pixels.permute(0, 3, 1, 2).contiguous()

        def forward() -> np.ndarray:
            with torch.inference_mode():
                return module(pixels).cpu().numpy()

        expected = forward()
        error = np.abs(expected - runs["rcjax"]()).max() / np.abs(expected).max()
        if not error < 1e-3:
            raise SystemExit(f"{name}: the logits of rcjax and PyTorch differ by {error:.2g}")
        runs["PyTorch"] = forward
    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))
    return runs, sum(array.size for array in parameters)


def row(name: str, arguments: argparse.Namespace) -> list[str]:
    """The cells of one network, as in `COLUMNS`."""
    size = arguments.imagenet_size if name.endswith("_imagenet") else 32
    count = arguments.batch_size * arguments.steps
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, size=(count, size, size, 3), dtype=np.uint8)
    labels = random.integers(0, 10, size=count).astype(np.int32)
    images = random.standard_normal((arguments.batch_size, size, size, 3)).astype(np.float32)

    runs, parameters = forward_passes(name, images)
    forward = interleaved(runs, arguments.repeats)
    data = (arguments.batch_size, pixels, labels)
    train, compile_seconds = rcjax_epoch("float32", name, None, *data)
    runs = {"rcjax": train}
    if name in NETWORKS:
        runs["PyTorch"] = pytorch_epoch(NETWORKS[name](), *data)
    training = interleaved(runs, arguments.repeats)

    cells = [f"{parameters:,}", f"{compile_seconds:.1f}"]
    for images_done, seconds in ((len(images), forward), (count, training)):
        cells.append(spread([images_done / value for value in seconds["rcjax"]]))
        beside = seconds.get("PyTorch")
        cells.append(ratio(beside, seconds["rcjax"]) if beside else "-")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", default=",".join(NAMES), help="names, separated by commas")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=2, help="batches in an epoch")
    parser.add_argument("--imagenet_size", type=int, default=64, help="pixels of a side")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    names = arguments.networks.split(",")
    if unknown := set(names) - set(NAMES):
        parser.error(f"unknown networks {', '.join(sorted(unknown))}: choose of {', '.join(NAMES)}")
    print(machine(), f"\nPyTorch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| network |", " | ".join(COLUMNS), "|")
    print("| --- |", " | ".join("---" for _ in COLUMNS), "|")
    start = time.perf_counter()
    for name in names:
        print(f"| {name} |", " | ".join(row(name, arguments)), "|", flush=True)
    print(f"\n{len(names)} networks in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
