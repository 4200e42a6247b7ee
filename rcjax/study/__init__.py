"""Studies: grids of runs, and tables of runs that were made elsewhere."""

from rcjax.study.analyze import run_analysis
from rcjax.study.dry_run import dry_run_of_run
from rcjax.study.loop import run_study

__all__ = ["dry_run_of_run", "run_analysis", "run_study"]
