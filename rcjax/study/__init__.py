"""Studies: grids of runs, and tables of runs that were made elsewhere."""

from rcjax.study.analyze import run_analysis
from rcjax.study.loop import run_study

__all__ = ["run_analysis", "run_study"]
