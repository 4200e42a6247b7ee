"""The statistics and the report of a study, for a table of runs that were made elsewhere.

    python launch.py --config=configs/analyze.py --workdir=runs/analysis --config.table=FILE.csv

The table has a line for each run, with the columns network, train_accuracy, test_accuracy (percent)
and region_count, and as many hyperparameters and measures as there are; docs/study.md lists them.

Cost: seconds, for tables of some hundred runs.
Expect: report.html, report.json and figures/ in the workdir, as a study leaves them.
Quick size: configs/analyze.py:quick reads configs/example_table.csv, 18 runs of an mlp on 200 of
    scikit-learn's digits, with few bootstrap samples; it shows what a table looks like and that all
    works.
"""

from ml_collections import ConfigDict


def get_config(size: str = "") -> ConfigDict:
    """Returns the config; `size` is "" for a table of yours or "quick" for the example."""
    if size not in ("", "quick"):
        raise ValueError(f"unknown size {size!r}; known sizes: quick")
    config = ConfigDict()
    config.experiment = "analyze"
    config.table = ""  # path of a CSV file

    config.report = ConfigDict()
    config.report.bootstrap_samples = 2000
    config.report.confidence = 0.95
    config.report.fitted_accuracy = 99.0  # percent; runs below are listed as not fitted
    config.report.seed = 0

    if size == "quick":
        config.table = "configs/example_table.csv"
        config.report.bootstrap_samples = 100
    return config
