"""How do counts change where products round their factors, as GPUs and TPUs do by default?

    python benchmarks/rounded_products.py [--bits=10] [--networks=2] [--segments=100]

Trains the networks of `plane_agreement.py` and counts each as it is (float32) and with the factors
of all products and convolutions rounded to that many bits of mantissa: 10 are TensorFloat-32, 7
are bfloat16. Rounding is emulated, so any device will do. Four minutes of processor time.
docs/region_count.md has the result.
"""

import argparse
import warnings

import jax
import numpy as np
from measuring import machine
from plane_agreement import FAMILIES, network_of

from rcjax import count_regions, slices
from rcjax.regions.classifier import bind, walk

PRODUCTS = ("dot_general", "conv_general_dilated")
WAYS = {
    "grid, 200": {},
    "grid, 8,193": {"points": 8_193},
    "adaptive": {"method": "adaptive"},
    "adaptive, located": {"method": "adaptive", "boundaries": True},
}


def rounding(predict, bits: int):
    """The same function with rounded factors of its products."""

    def rule(equation, inputs):
        if equation.primitive.name in PRODUCTS:
            inputs = [jax.lax.reduce_precision(value, 8, bits) for value in inputs]
        return bind(equation, inputs)

    def rounded(points):
        traced = jax.make_jaxpr(predict)(points)
        return walk(traced.jaxpr, traced.consts, [points], rule)[0]

    return rounded


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bits", type=int, default=10)
    parser.add_argument("--networks", type=int, default=2)
    parser.add_argument("--segments", type=int, default=100)
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # that scores move in steps once they are rounded
    print(machine())
    print(f"factors rounded to {arguments.bits} bits of mantissa; counts as float32 -> rounded")
    for name, family in FAMILIES.items():
        rows = {way: [] for way in WAYS}
        for index in range(arguments.networks):
            predict, images, _ = network_of(family, index, arguments.seed)
            key = jax.random.key(index)
            anchors = np.asarray(slices.between_points(key, images, count=arguments.segments))
            for way, options in WAYS.items():
                for each in (predict, rounding(predict, arguments.bits)):
                    rows[way].append(count_regions(each, anchors, **options))
        for way, found in rows.items():
            print(f"{name:<25}{way:<18}{line(found[::2], found[1::2])}", flush=True)


def line(exact, rounded) -> str:
    """Mean counts, share of segments whose count differs, evaluations a segment."""
    counts = [np.concatenate([each.counts for each in found]) for found in (exact, rounded)]
    spent = [sum(each.evaluations for each in found) / len(counts[0]) for found in (exact, rounded)]
    return (
        f"{counts[0].mean():5.2f} -> {counts[1].mean():5.2f}, "
        f"{(counts[0] != counts[1]).mean():5.1%} differ, "
        f"evaluations {spent[0]:7.1f} -> {spent[1]:7.1f}"
    )


if __name__ == "__main__":
    main()
