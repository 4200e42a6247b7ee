"""Counts the regions of planes: adaptively on a refined mesh, or exactly by polygons."""

from rcjax.regions.planes.adaptive import PLANE_BUDGET, PLANE_SAFETY, PlaneCounts, count_planes
from rcjax.regions.planes.exact import ExactPlanes, count_exact_planes
from rcjax.regions.planes.mesh_regions import Located
from rcjax.regions.planes.scores import NEEDS_SCORES, PlaneScores

__all__ = [
    "NEEDS_SCORES",
    "PLANE_BUDGET",
    "PLANE_SAFETY",
    "ExactPlanes",
    "Located",
    "PlaneCounts",
    "PlaneScores",
    "count_exact_planes",
    "count_planes",
]
