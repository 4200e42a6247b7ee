# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Reading a study's report
#
# A study leaves `report.html` for people and `report.json` for programs. Here is the latter, of
# the [study on digits](../table1_digits.html): 27 settings of a ResNet18, three seeds each.

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas

from rcjax.statistics import pearson

place = next(p for p in (Path("docs"), Path(".."), Path(".")) if (p / "table1_digits").is_dir())
report = json.loads((place / "table1_digits" / "report.json").read_text(encoding="utf-8"))
network = report["networks"]["resnet18"]
for sentence in network["findings"]:
    print("-", sentence)

# %% [markdown]
# ## The runs
#
# Every run is a row: the settings, the accuracies in percent, and the measures, of which the
# region count is one.

# %%
runs = pandas.DataFrame(
    {**run["settings"], **run["measures"], "gap": run["generalization_gap"], "seed": run["seed"]}
    for run in report["runs"]
)
runs.iloc[:, :6].head()

# %% [markdown]
# ## The correlation, by hand
#
# The report relates *settings*, means over seeds: seeds of one setting are no independent
# evidence on what a hyperparameter does.

# %%
axes_of_the_grid = ["learning_rate", "batch_size", "weight_decay"]
settings = runs.groupby(axes_of_the_grid, as_index=False).mean()
r = np.corrcoef(settings["region_count"], settings["gap"])[0, 1]
print(f"Pearson r = {r:.3f}; in the report {network['pearson']:.3f}")
assert np.isclose(r, network["pearson"])
assert np.isclose(r, pearson(settings["region_count"].to_numpy(), settings["gap"].to_numpy()))

axes = plt.figure(figsize=(5, 3.5)).add_subplot()
marks = axes.scatter(
    settings["region_count"], settings["gap"], c=np.log10(settings["learning_rate"])
)
axes.set(xlabel="region count", ylabel="generalization gap (points)")
plt.colorbar(marks, label="log10 learning rate")
plt.show()

# %% [markdown]
# ## What the correlation is worth
#
# Three questions decide, and the report answers each: could random order do as well, does the
# trivial predictor log(batch size / learning rate), which looks at no network, do as well, and is
# anything left among settings of equal learning rate and batch size?

# %%
trivial = np.log(settings["batch_size"] / settings["learning_rate"])
by_hand = np.corrcoef(trivial, settings["gap"])[0, 1]
print(f"count {r:.3f} {network['pearson_interval']}, trivial predictor {by_hand:.3f}")
print(f"count minus trivial: interval {network['pearson_minus_trivial_interval']}")
print(f"within cells of equal learning rate and batch size: p = "
      f"{network['partial_correlation_within_cells_p']}")  # fmt: skip
