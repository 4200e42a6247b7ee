"""Processor time, memory and page size of the report on large tables of runs.

Run it: `python benchmarks/reports.py` (two minutes).

Two made-up tables: one network with 100,000 runs of 20 settings, and sixty networks with the 27
settings and 3 seeds of the paper's grid; both have the count and one more measure.
"""

import csv
import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measuring import machine

ROOT = Path(__file__).parents[1]
TABLES = {"100,000 runs": (1, (5, 4, 1), 5000), "60 networks": (60, (3, 3, 3), 3)}
COLUMNS = (
    *("network", "learning_rate", "batch_size", "weight_decay", "seed"),
    *("train_accuracy", "test_accuracy", "region_count", "margin"),
)


def write_table(path, networks, levels, seeds):
    random = np.random.default_rng(5)
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for network, rate, size, decay in itertools.product(
            range(networks), *(range(number) for number in levels)
        ):
            own = 0.3 * random.normal()
            for seed, (noise, count_noise, margin) in enumerate(random.normal(size=(seeds, 3))):
                gap = 10 - 1.1 * rate + 0.6 * size + own + 0.2 * noise
                count = 4 - 0.4 * rate + 0.2 * size + 0.1 * own + 0.1 * count_noise
                settings = (0.1 / 2**rate, 32 * 2**size, 1e-5 * 10**decay, seed)
                numbers = (100, round(100 - gap, 3), round(count, 4), round(margin, 5))
                table.writerow([f"network {network}", *settings, *numbers])


def report(table, folder):
    """Processor seconds, peak memory in GB and the size of the page in MB."""
    command = [sys.executable, str(ROOT / "launch.py"), f"--config={ROOT}/configs/analyze.py"]
    process = subprocess.Popen(
        [*command, f"--workdir={folder}", f"--config.table={table}"], stdout=subprocess.DEVNULL
    )
    _, code, used = os.wait4(process.pid, 0)
    if code:
        sys.exit("the report failed")
    return (
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / 1e6,
        os.path.getsize(folder / "report.html") / 1e6,
    )


def main():
    print(machine())
    print("load:", " ".join(f"{value:.1f}" for value in os.getloadavg()))
    with tempfile.TemporaryDirectory() as folder:
        for place, (name, size) in enumerate(TABLES.items()):
            table = Path(folder, f"{place}.csv")
            write_table(table, *size)
            seconds, memory, page = report(table, Path(folder, f"report {place}"))
            print(f"{name}: {seconds:.0f} s of processor time, {memory:.1f} GB, page {page:.1f} MB")


if __name__ == "__main__":
    main()
