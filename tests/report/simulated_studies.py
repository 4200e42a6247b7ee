"""Simulated studies of which the truth is known."""

import itertools

import numpy as np

from rcjax.statistics import Row

RATES, SIZES, DECAYS = (0.1, 0.01, 0.001), (32, 64, 128), (1e-3, 1e-4, 1e-5)


def simulated(truth, *, seed=0, seeds=3, network="mlp", noise=0.1):
    """Rows of a grid of 27 settings.

    Truths: "none": count and gap know nothing of each other; "learning rate": both follow the
    learning rate and nothing else; "real": settings differ in something that both show;
    "attenuated": the same, to be had under noise of seeds; "opposite": within cells the count falls
    as the gap rises.
    """
    random = np.random.default_rng(seed)
    rows = []
    for rate, size, decay in itertools.product(RATES, SIZES, DECAYS):
        own = random.standard_normal()
        by_rate = 0.5 * np.log10(rate) ** 2
        signal = {
            "none": (own, random.standard_normal()),
            "learning rate": (by_rate + 0.3 * own, by_rate + 0.3 * random.standard_normal()),
            "real": (own, own + 0.2 * random.standard_normal()),
            "attenuated": (own, own),
            "opposite": (3 * by_rate - own, 3 * by_rate + own),
        }[truth]
        for run in range(seeds):
            count, gap = signal + noise * random.standard_normal(2)
            rows.append(
                Row(
                    f"{network}-{len(rows)}", network,
                    {"learning_rate": rate, "batch_size": size, "weight_decay": decay},
                    run, "completed", 100.0, 88.0 - gap, 12.0 + gap,
                    {"region_count": 12.0 + count},
                )
            )  # fmt: skip
    return rows


def collapsed(rows, number):
    """The same rows; the first `number` of them learned nothing."""
    return [
        Row(
            row.name, row.network, row.settings, row.seed, "completed", 11.2, 10.3, 0.9,
            {"region_count": 1.0},
        )
        if place < number
        else row
        for place, row in enumerate(rows)
    ]  # fmt: skip
