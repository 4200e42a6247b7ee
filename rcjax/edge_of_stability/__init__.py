"""Large learning rates, flat minima and the number of regions: see docs/edge_of_stability.md."""

from rcjax.edge_of_stability.loop import run_edge_of_stability

__all__ = ["run_edge_of_stability"]
