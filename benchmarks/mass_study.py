"""A mass study beside the same runs one by one, and what a run costs besides its arithmetic.

    python benchmarks/mass_study.py [--runs=48] [--epochs=100] [--together=24] [--repeats=3]

Perceptrons on MNIST-1D, or on the digits where the package mnist1d is not installed: trained,
counted on 500 adaptive segments and written down, `records=lines` with runs together beside folders
with one run at a time, every study in a process of its own with its start and its report. Then
studies of networks that are next to nothing, one ten times as large as the other: the difference
of processor time, divided by the runs, is the most that Python and files can cost a run.
"""

import argparse
import importlib.util
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import interleaved, machine, ratio, spread

ROOT = Path(__file__).parents[1]
_LAUNCH = [sys.executable, str(ROOT / "launch.py")]
_TEMPLATE = """
from ml_collections import ConfigDict
def get_config():
    return ConfigDict({{
        "experiment": "study", "dataset": {dataset!r}, "network": "mlp", "depth": 2,
        "width": {width}, "epochs": {epochs}, "batch_size": 100, "checkpoint_every": {epochs},
        "train_examples": {examples}, "measures": {{"names": "train_loss"}},
        "regions": {{"method": "adaptive", "slices": {slices}, "every": {epochs}}},
        "report": {{"bootstrap_samples": 50}},
        "grid": {{"learning_rate": {rates}, "seed": tuple(range({seeds}))}},
    }})
"""


def study(folder: Path, file: Path, *options: str) -> Path:
    """Makes a study; returns its folder."""
    workdir = Path(tempfile.mkdtemp(dir=folder)) / "study"
    command = [*_LAUNCH, f"--config={file}", f"--workdir={workdir}", *options]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return workdir


def together(folder: Path, file: Path, number: int) -> Path:
    """Makes a mass study, so many runs together."""
    options = ("--config.records=lines", f"--config.executor.runs_together={number}")
    return study(folder, file, *options)


def write(path: Path, **values: object) -> Path:
    """Writes the config of a study."""
    path.write_text(_TEMPLATE.format(**values))
    return path


def of_children() -> float:
    """Seconds of the processor that the processes which are over have taken."""
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken.ru_utime + taken.ru_stime


def rates(folder: Path, arguments: argparse.Namespace, dataset: str) -> None:
    """Prints the rate of both ways."""
    file = write(
        folder / "rates.py", dataset=dataset, width=100, epochs=arguments.epochs, examples=0,
        slices=500, rates=(0.1, 0.03, 0.01), seeds=arguments.runs // 3,
    )  # fmt: skip
    ways = {
        "one by one": lambda: study(folder, file),
        "together": lambda: together(folder, file, arguments.together),
    }
    seconds = interleaved(ways, repeats=arguments.repeats, warm_up=0)
    for name, values in seconds.items():
        each = [value / (arguments.runs // 3 * 3) for value in values]
        print(f"  {name}: {spread(values)} s, {spread(each)} s a run")
    print(f"  one by one / together: {ratio(seconds['one by one'], seconds['together'])}")


def bookkeeping(folder: Path, number: int, repeats: int) -> None:
    """Prints what a run costs besides its arithmetic, with its bytes and files."""
    seeds = (200, 2000)  # far enough apart that compilations, which vary, weigh little
    files = [
        write(
            folder / f"small_{count}.py",
            dataset="digits",
            width=16,  # of fewer units, all may be dead
            epochs=1,
            examples=100,
            slices=2,
            rates=(0.1,),
            seeds=count,
        )
        for count in seeds
    ]
    made: list[Path] = []
    ways = {file.name: lambda file=file: made.append(together(folder, file, number))
            for file in files}  # fmt: skip
    less, more = interleaved(ways, repeats, warm_up=1, clock=of_children).values()
    each = [1000 * (b - a) / (seeds[1] - seeds[0]) for a, b in zip(less, more, strict=True)]
    print(f"  a run besides its arithmetic: {spread(each)} ms of the processor at most")
    paths = [path for path in made[-1].rglob("*") if path.is_file()]
    records = sum(p.stat().st_size for p in paths if "records" in p.parts)
    print(f"  {seeds[1]} runs: {len(paths)} files, {records / seeds[1]:.0f} bytes of record a run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=48)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--together", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print(machine())
    dataset = "mnist1d" if importlib.util.find_spec("mnist1d") else "digits"
    with tempfile.TemporaryDirectory() as folder:
        print(f"\n{arguments.runs} perceptrons, {dataset}, {arguments.epochs} epochs")
        rates(Path(folder), arguments, dataset)
        print("\nnetworks of width 16, one epoch of 100 images, 2 segments")
        bookkeeping(Path(folder), arguments.together, arguments.repeats)


if __name__ == "__main__":
    main()
