"""Region counts of full-size networks against counts made with PyTorch.

Weights and inputs come from a seed (tests/recipe.py). The anchors of dimension d are the recipe's
inputs of seed d; the counts were computed with the published networks in PyTorch, grid by grid.
"""

import numpy as np
import pytest

from rcjax import count_regions

from ..models.reference import recipe_network
from ..recipe import recipe_images

# {network: {dimension: counts}} at 200, 10, 5 and 5 points per axis.
COUNTS = {
    "resnet18": {
        1: [4, 1, 3],
        2: [2, 2, 3],
        4: [8],
    },
    "efficientnet_b0": {
        2: [3, 1, 1],
    },
    "senet18": {
        1: [3, 2],
        3: [3, 5],
    },
}


@pytest.mark.slow
@pytest.mark.usefixtures("quick_compilation")
@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_those_of_pytorch(name):
    network = recipe_network(name)
    for dim, expected in COUNTS[name].items():
        images = recipe_images(len(expected) * (dim + 1), seed=dim)
        anchors = images.reshape(len(expected), dim + 1, 32, 32, 3)
        # The published algorithm joins neighbours along the axes alone beyond planes.
        connectivity = "full" if dim <= 2 else "face"
        found = count_regions(network, anchors, connectivity=connectivity)
        assert found.counts.tolist() == expected, f"dimension {dim}"
        if dim == 1:
            # The adaptive count is that of a finer grid, which can only have more regions.
            finer = count_regions(network, anchors, method="adaptive").counts
            assert (finer >= np.asarray(expected)).all()
