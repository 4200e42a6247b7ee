"""Components of label grids: rcjax beside scipy, scikit-image and connected-components-3d.

    python benchmarks/components.py [--repeats 7] [--grids 1000] [--size 64] [--clock processor]

Every method counts the same uint8 label grids and must find the same total. The libraries get what
is best for them: one call a grid, and one call on all grids stacked with an empty row between.
Where other work runs on the machine, processor time says more than the time on the wall.
"""

import argparse
import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from rcjax.regions.components.labelling import count_components

try:
    import cc3d
    import scipy.ndimage
    import skimage.measure
except ImportError as missing:
    raise SystemExit(
        f"this benchmark compares with other libraries and {missing.name} is missing; "
        "run: pip install scipy scikit-image connected-components-3d"
    ) from None

CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def smooth_maps(random: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Class with the largest of ten smooth random fields: about twenty regions a grid."""
    fields = random.normal(size=(count, 10, size, size)).astype(np.float32)
    fields = scipy.ndimage.gaussian_filter(fields, (0, 0, size / 7, size / 7), mode="wrap")
    return fields.argmax(1).astype(np.uint8)


def spirals(count: int, size: int) -> np.ndarray:
    """A corridor one cell wide winding inwards, its wall winding beside it, in four rotations."""
    grid = np.zeros((size + 4, size + 4), np.uint8)
    row, column, down, right = 2, 2, 0, 1
    grid[row, column] = 1

    def free(row: int, column: int) -> bool:
        return 2 <= row < size + 2 and 2 <= column < size + 2 and not grid[row, column]

    while True:
        for _ in range(2):
            beyond = grid[row + 2 * down, column + 2 * right]
            if free(row + down, column + right) and not beyond:
                break
            down, right = right, -down
        else:
            inner = grid[2:-2, 2:-2]
            return np.stack([np.rot90(inner, turns % 4) for turns in range(count)])
        row, column = row + down, column + right
        grid[row, column] = 1


def stacked(grids: np.ndarray) -> np.ndarray:
    """All grids in one image, an empty row after each; labels moved by 1, as 0 is background."""
    count, rows, columns = grids.shape
    image = np.zeros((count, rows + 1, columns), np.uint8)
    image[:, :rows] = grids + 1
    return image.reshape(-1, columns)


def methods(connectivity: str) -> dict[str, Callable[[np.ndarray], int]]:
    full = connectivity == "full"
    structure = np.ones((3, 3)) if full else None

    def scipy_count(grid: np.ndarray) -> int:
        return sum(scipy.ndimage.label(grid == value, structure)[1] for value in np.unique(grid))

    def skimage_count(image: np.ndarray) -> int:
        return skimage.measure.label(image, connectivity=2 if full else 1, return_num=True)[1]

    def cc3d_count(image: np.ndarray) -> int:
        return cc3d.connected_components(image, connectivity=8 if full else 4, return_N=True)[1]

    def rcjax_count(grids: np.ndarray) -> int:
        counts = count_jitted(jnp.asarray(grids), dim=2, connectivity=connectivity)
        return int(np.asarray(counts).sum())

    return {
        "rcjax": rcjax_count,
        "cc3d, stacked": lambda grids: cc3d_count(stacked(grids)),
        "cc3d, each grid": lambda grids: sum(cc3d_count(grid + 1) for grid in grids),
        "skimage, stacked": lambda grids: skimage_count(stacked(grids)),
        "skimage, each grid": lambda grids: sum(skimage_count(grid + 1) for grid in grids),
        "scipy, each class": lambda grids: sum(scipy_count(grid) for grid in grids),
    }


count_jitted = jax.jit(count_components, static_argnames=("dim", "connectivity"))


def processor() -> str:
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--grids", type=int, default=1000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    shape = (arguments.grids, arguments.size, arguments.size)
    cases = {
        "smooth": smooth_maps(random, arguments.grids, arguments.size),
        "noise": random.integers(0, 10, shape, np.uint8),
        "spiral": spirals(arguments.grids, arguments.size),
    }
    packages = ("jax", "scipy", "scikit-image", "connected-components-3d")
    print(f"processor: {processor()}; JAX on {jax.devices()[0].device_kind}")
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages))
    print(
        f"{shape[0]} grids of {shape[1]} x {shape[2]}, median [least, most] of "
        f"{arguments.repeats} repeats in ms, {arguments.clock} time"
    )
    for case, grids in cases.items():
        for connectivity in ("full", "face"):
            report(case, connectivity, grids, arguments.repeats, CLOCKS[arguments.clock])


def report(
    case: str, connectivity: str, grids: np.ndarray, repeats: int, clock: Callable[[], float]
) -> None:
    """Runs the methods in turn, so that a busy moment of the machine meets all of them."""
    functions = methods(connectivity)
    totals = {name: function(grids) for name, function in functions.items()}  # compiles, too
    if len(set(totals.values())) != 1:
        raise SystemExit(f"the methods disagree on {case}, {connectivity}: {totals}")
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = clock()
            function(grids)
            times[name].append(1000 * (clock() - start))
    for name, taken in times.items():
        print(
            f"{case:7} {connectivity:5} {name:19} {statistics.median(taken):8.1f} "
            f"[{min(taken):.1f}, {max(taken):.1f}]",
            flush=True,
        )


if __name__ == "__main__":
    main()
