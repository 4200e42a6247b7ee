"""Whole runs trained together (one program, `jax.vmap` over runs) beside the same runs one by one.

    python benchmarks/together.py [--runs=27] [--epochs=100] [--networks=mlp:64,resnet18:4]

Every run is a real one: digits, evaluations, counts, checkpoints, figures, record, in a folder of
its own. Also the compiled epoch alone. Both ways compile once before they are timed.
"""

import argparse
import contextlib
import io
import tempfile
import threading
import time
from pathlib import Path

import jax
from measuring import interleaved, machine, ratio, spread

from rcjax import data
from rcjax.config import RunConfig, run_config
from rcjax.training import train
from rcjax.training.experiment import Experiment
from rcjax.training.vmapped_runs import _StackedRuns, train_together


def make_configs(network: str, width: int, runs: int, epochs: int) -> list[RunConfig]:
    rates = (0.1, 0.03, 0.01)
    return [
        run_config(
            {
                "dataset": "digits",
                "train_examples": 250,
                "network": network,
                "width": width,
                "epochs": epochs,
                "batch_size": 32,
                "learning_rate": rates[number % 3],
                "seed": number // 3,
                "checkpoint_every": epochs,
                "regions": {"every": epochs, "slices": 100},
            }
        )
        for number in range(runs)
    ]


def whole_runs(configs: list[RunConfig]) -> dict[str, list[float]]:
    def one_by_one():
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            for number, config in enumerate(configs):
                train(config, Path(folder) / str(number))

    def together():
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            folders = [Path(folder) / str(number) for number in range(len(configs))]
            train_together(configs, folders, threading.Event())

    return interleaved({"one by one": one_by_one, "together": together}, repeats=2)


def epochs_alone(configs: list[RunConfig], repeats: int) -> dict[str, list[float]]:
    experiments = []
    for config in configs:
        dataset = data.load("digits", train_examples=config.train_examples, seed=config.seed)
        experiments.append(Experiment(config, dataset))
    states = [experiment.initial_state() for experiment in experiments]
    group = _StackedRuns(experiments, states)
    experiments[0].compile(states[0])
    holder = [states[0]]

    def single():
        for _ in experiments:
            *_, end = experiments[0].epoch_in_parts(holder[0], 0, None, lambda: False)
            holder[0] = end.state
        jax.block_until_ready(holder[0]["parameters"])

    return interleaved({"one by one": single, "together": lambda: group.run_epoch(0)}, repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=27)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--networks", default="mlp:64,resnet18:4,resnet18:8")
    arguments = parser.parse_args()
    print(machine())
    for item in arguments.networks.split(","):
        network, width = item.split(":")
        configs = make_configs(network, int(width), arguments.runs, arguments.epochs)
        print(f"\n{network}, width {width}, {len(configs)} runs of {arguments.epochs} epochs")
        start = time.perf_counter()
        for title, seconds in (
            ("an epoch of every run", epochs_alone(configs, repeats=5)),
            ("whole runs", whole_runs(configs)),
        ):
            for name, values in seconds.items():
                print(f"  {title}, {name}: {spread(values)} s")
            print(
                f"  {title}, one by one / together: "
                f"{ratio(seconds['one by one'], seconds['together'])}"
            )
        print(f"  (measured in {time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
