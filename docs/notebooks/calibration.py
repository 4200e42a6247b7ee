# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Calibrating the counter
#
# Before a count says something about a network, see it on functions whose count is known. A
# segment runs from just above 0 to just below 1; the function alternates between two labels at
# known places.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from rcjax import count_regions
from rcjax.plotting import draw_slice

segment = np.array([[[0.001], [0.999]]], np.float32)  # [slices, anchors, features]


def stripes(number):
    """Scores of two classes that change places `number - 1` times between 0 and 1."""

    def predict(x):
        phase = np.pi * number * x[:, :1]
        return jnp.concatenate([jnp.sin(phase), -jnp.sin(phase)], axis=1)

    return predict


for number in (1, 2, 5, 20):
    found = count_regions(stripes(number), segment).counts[0]
    print(f"{number:3d} regions: the grid of 200 points counts {found}")
    assert found == number

# %% [markdown]
# ## A grid is a lower bound
#
# Regions that are narrower than the distance between two points fall between them. Of 150 equal
# stripes a grid of fewer points sees almost none, one of more points sees all, and no grid sees
# more than there are. The adaptive method looks closer where the scores of two classes come near
# each other.

# %%
points = np.array([5, 10, 20, 40, 80, 160, 320, 640])
truth = 150
grid = [count_regions(stripes(truth), segment, points=n).counts[0] for n in points]
adaptive = count_regions(stripes(truth), segment, method="adaptive").counts[0]
assert max(grid) <= truth
assert adaptive <= truth

axes = plt.figure(figsize=(5, 3)).add_subplot()
axes.axhline(truth, color="grey", label="truth")
axes.plot(points, grid, "o-", label="grid")
axes.axhline(adaptive, color="tab:orange", linestyle=":", label=f"adaptive: {adaptive}")
axes.set(xscale="log", xlabel="points of the grid", ylabel="regions counted")
axes.legend()
plt.show()

# %% [markdown]
# ## Piecewise linear networks: exact
#
# The exact method splits a ReLU network at every switch of a unit, and misses nothing. Here a
# sawtooth made of ReLUs has one region a tooth and one more between any two.

# %%
teeth = 30


def sawtooth(x):
    height = jnp.zeros_like(x)
    for tooth in range(teeth):
        start = tooth / teeth
        rise = [jax.nn.relu(x - start - part / (2 * teeth)) for part in range(3)]
        height = height + 2 * teeth * (rise[0] - 2 * rise[1] + rise[2])
    return jnp.concatenate([height, jnp.full_like(x, 0.5)], axis=1)


exact = count_regions(sawtooth, segment, method="exact")
print(exact)
assert exact.counts[0] == 2 * teeth + 1

# %% [markdown]
# ## On a plane
#
# A disc in the middle of a triangle makes two regions: the inside and what is left, in one piece.

# %%
corners = np.array([[-4.0, -3.0], [4.0, -3.0], [0.0, 5.0]], np.float32)


def disc(x):
    inside = 1 - (x**2).sum(axis=1, keepdims=True)
    return jnp.concatenate([inside, -inside], axis=1)


draw_slice(disc, corners, class_names=["inside", "outside"])

# %%
plane = count_regions(disc, corners[None], points=100)
assert plane.counts[0] == 2
plane
