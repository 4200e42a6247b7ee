"""Speed of the region counter beside the published algorithm and the bare forward pass.

    python benchmarks/regions.py [--width=16] [--slices=100] [--repeats=3] [--train_seconds=60]

Needs PyTorch (`pip install -e ".[test-torch]"`), which takes the GPU where it finds one, as JAX
does. One ResNet18 is trained in PyTorch on the bundled
digits, brought to 32x32x3, and copied into rcjax, so that every counter below counts the same
network on the same segments:

  published   a Python loop over the segments: 200 points in numpy, a PyTorch forward pass, a
              queue-based search for connected points (the paper's algorithm 1, written plainly)
  forward     the bare compiled forward pass on as many points, for the overhead of the counter
  grid        count_regions, 200 points
  adaptive    count_regions(method="adaptive"), the count of an 8,193-point grid
  ... mixed   the same with precision="mixed"
"""

import argparse
import collections
import time

import jax
import jax.numpy as jnp
import numpy as np
import torch
from measuring import interleaved, machine, ratio, spread
from pytorch_resnet import resnet
from sklearn.datasets import load_digits

from rcjax import count_regions, slices
from rcjax.models import create, load_torch_state_dict

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def digit_images() -> tuple[np.ndarray, np.ndarray]:
    """The bundled digits as normalised float32 images [n, 32, 32, 3] and labels [n]."""
    pixels, labels = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 8, 8).repeat(4, axis=1).repeat(4, axis=2) / 16.0
    images = (images - images.mean()) / images.std()
    return np.repeat(images[..., None], 3, axis=3).astype(np.float32), labels


def train(network: torch.nn.Module, images: np.ndarray, labels: np.ndarray, seconds: float) -> None:
    """A few epochs of plain SGD, for at most `seconds`."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    inputs = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).to(DEVICE)
    targets = torch.from_numpy(labels).to(DEVICE)
    random = torch.Generator().manual_seed(0)
    start, network = time.perf_counter(), network.train()
    while time.perf_counter() - start < seconds:
        batch = torch.randint(len(inputs), (64,), generator=random)
        loss = torch.nn.functional.cross_entropy(network(inputs[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"trained to a loss of {float(loss.detach()):.3f} in {seconds:.0f} s")


def published(network: torch.nn.Module, anchors: np.ndarray, points: int = 200) -> np.ndarray:
    """The published algorithm: one segment at a time."""
    counts = []
    for first, second in anchors:
        line = np.stack([(1 - t) * first + t * second for t in np.linspace(0, 1, points)])
        with torch.inference_mode():
            inputs = torch.from_numpy(line.astype(np.float32).transpose(0, 3, 1, 2).copy())
            labels = network(inputs.to(DEVICE)).argmax(dim=1).cpu().numpy()
        seen, count = np.zeros(points, bool), 0
        for start in range(points):
            if seen[start]:
                continue
            count += 1
            queue = collections.deque([start])
            seen[start] = True
            while queue:
                at = queue.popleft()
                for near in (at - 1, at + 1):
                    if 0 <= near < points and not seen[near] and labels[near] == labels[at]:
                        seen[near] = True
                        queue.append(near)
        counts.append(count)
    return np.asarray(counts)


def predict(apply, parameters, state, images):
    return apply(parameters, state, images, False)[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--slices", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--train_seconds", type=float, default=60)
    parser.add_argument("--batch_size", type=int, default=125, help="of forward and grid alike")
    parser.add_argument("--truth", action="store_true", help="count the 8,193-point grid too")
    arguments = parser.parse_args()
    print(machine())
    print(f"PyTorch {torch.__version__} on {DEVICE}, {torch.get_num_threads()} threads")

    images, labels = digit_images()
    torch.manual_seed(0)
    network = resnet(width=arguments.width).to(DEVICE)
    train(network, images[:1297], labels[:1297], arguments.train_seconds)
    network.eval()

    model = create("resnet18", width=arguments.width)
    load_torch_state_dict(model, {k: v.cpu().numpy() for k, v in network.state_dict().items()})
    model.eval()
    anchors = slices.between_points(jax.random.key(0), images[:1297], count=arguments.slices)
    number_of_points = 200 * arguments.slices

    forward = jax.jit(lambda model, x: model(x))
    results = {}

    def count(name, **options):
        def run():
            results[name] = count_regions(model, anchors, **options)

        return run

    batch = jnp.asarray(images[: arguments.batch_size])
    batches = -(-number_of_points // arguments.batch_size)

    def bare():
        outputs = [forward(model, batch) for _ in range(batches)]
        jax.block_until_ready(outputs)

    runs = {
        "published": lambda: results.__setitem__("published", published(network, anchors)),
        "forward": bare,
        "grid": count("grid", batch_size=arguments.batch_size),
        "adaptive": count("adaptive", method="adaptive"),
        "grid, mixed": count("grid, mixed", precision="mixed"),
        "adaptive, mixed": count("adaptive, mixed", method="adaptive", precision="mixed"),
    }
    seconds = interleaved(runs, arguments.repeats)
    print(f"\nResNet18 of width {arguments.width}, {arguments.slices} segments of 32x32x3 images")
    print(f"{'counter':<16} {'seconds':<28} {'published / it':<28} {'mean count':>10} evaluations")
    for name in runs:
        found = results.get(name)
        mean = "" if found is None else f"{np.mean(getattr(found, 'counts', found)):.3f}"
        spent = getattr(found, "evaluations", number_of_points)
        faster = ratio(seconds["published"], seconds[name])
        print(f"{name:<16} {spread(seconds[name]):<28} {faster:<28} {mean:>10} {spent:>11}")
    print(f"\ngrid over the bare forward pass: {ratio(seconds['grid'], seconds['forward'])}")
    for name in ("grid", "adaptive"):
        share = results[f"{name}, mixed"].reevaluated_share
        same = bool((results[f"{name}, mixed"].counts == results[name].counts).all())
        print(f"{name}, mixed: {100 * share:.1f} % evaluated twice; counts equal: {same}")
    if arguments.truth:
        truth = count_regions(model, anchors, points=8_193).counts
        for name in ("published", "grid", "adaptive"):
            counts = getattr(results[name], "counts", results[name])
            print(
                f"{name}: equal to the 8,193-point grid on {100 * (counts == truth).mean():.1f} % "
                f"of the segments, bias {counts.mean() - truth.mean():+.3f}"
            )


if __name__ == "__main__":
    main()
