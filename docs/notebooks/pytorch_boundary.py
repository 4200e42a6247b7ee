# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # The boundary of a PyTorch network
#
# A network trained in PyTorch is counted as it is, drawn, and its result saved. The data are two
# moons with noise; one network is regularised, the other is not.

# %%
import tempfile
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import make_moons

from rcjax import RegionCounts, compare, count_regions, on_host, slices
from rcjax.plotting import draw_slice

points, labels = make_moons(200, noise=0.35, random_state=0)
points = points.astype("float32")


def trained(weight_decay):
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(2, 64), torch.nn.ReLU(),
        torch.nn.Linear(64, 64), torch.nn.ReLU(),
        torch.nn.Linear(64, 2),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=weight_decay)
    for _ in range(400):
        loss = torch.nn.functional.cross_entropy(
            network(torch.from_numpy(points)), torch.from_numpy(labels)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


networks = {"free": trained(0.0), "regularised": trained(3.0)}

# %% [markdown]
# ## Two boundaries
#
# A plane through three points of a space of two features is the space itself.

# %%
corners = np.array([[-3.0, -2.5], [4.0, -2.5], [0.5, 4.5]], np.float32)
axes = plt.figure(figsize=(9, 4)).subplots(1, 2)
for place, (name, network) in zip(axes, networks.items(), strict=True):
    draw_slice(on_host(network), corners, ax=place, title=name, data=points, data_labels=labels)
plt.show()

# %% [markdown]
# ## Counts on the same segments
#
# Compare networks on the *same* segments: counts vary more between segments than between
# networks.

# %%
segments = slices.between_points(jax.random.key(0), points, count=200)
counts = {name: count_regions(on_host(network), segments) for name, network in networks.items()}
counts["free"]

# %%
counts["regularised"]

# %%
print(compare(counts["free"], counts["regularised"]))

# %% [markdown]
# ## Keep the result

# %%
file = Path(tempfile.mkdtemp(), "free.npz")
counts["free"].save(file)
assert RegionCounts.load(file) == counts["free"]
counts["free"].to_dataframe().head()
