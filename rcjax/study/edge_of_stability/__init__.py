"""Large learning rates, flat minima and the number of regions: see docs/edge_of_stability.md."""

from rcjax.study.edge_of_stability.loop import run_edge_of_stability as run_edge_of_stability
