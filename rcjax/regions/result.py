"""The result of `count_regions`."""

import dataclasses
import os
from typing import Any

import jax
import numpy as np

from rcjax.array_types import ArrayLike, Float, Int
from rcjax.regions import intervals, result_file, result_tables, result_text
from rcjax.regions.result_fields import ResultFields


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class RegionCounts(ResultFields):
    """Region counts of a set of slices, how they were obtained, and their statistics.

    A JAX pytree: its arrays are the leaves. Equal to another where every field is. The attributes
    are those of `ResultFields`.

    Example:
        >>> import jax.numpy as jnp
        >>> from rcjax import count_regions
        >>> segments = jnp.array([[[-2.0], [2.0]], [[1.0], [2.0]]])
        >>> result = count_regions(lambda x: (x[:, 0] > 0).astype(int), segments, boundaries=True)
        >>> result.counts.tolist(), result.to_dict()["region_labels"]
        ([2, 1], [[0, 1], [1]])
    """

    @property
    def mean(self) -> float:
        """Mean count over the slices."""
        return float(self.counts.mean())

    @property
    def median(self) -> float:
        """Median count over the slices."""
        return float(np.median(self.counts))

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the count over slices (n - 1); NaN for a single slice."""
        return intervals.standard_deviation(self.counts)

    @property
    def standard_error(self) -> float:
        """Standard error of the mean over slices; NaN for a single slice."""
        return self.standard_deviation / float(np.sqrt(len(self.counts)))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval of the mean over slices of these data; NaN for a single slice.

        Student's t on the counts and one that was not seen: few, skewed or equal counts get an
        interval that covers, unless rare counts lie further out than all that were seen
        (docs/region_count.md). For the mean between *new* images see `images_interval`.
        """
        return intervals.mean_interval(self.counts, level, smallest=1)

    def images_interval(
        self,
        images: Int[np.ndarray, "slices anchors"],
        level: float = 0.95,
        *,
        resamples: int = 2_000,
        seed: int = 0,
    ) -> tuple[float, float]:
        """Interval of the mean over slices between new images, by a bootstrap over the images.

        Args:
            images: int [slices, anchors], which image each anchor is, as
                `slices.between_points(..., lazy=True).indices`.
            level: of the interval.
            resamples: of the bootstrap.
            seed: of the bootstrap.
        """
        return intervals.images_interval(self.counts, images, level, resamples=resamples, seed=seed)

    def histogram(self) -> dict[int, int]:
        """{count: number of slices with that count}, ascending."""
        values, slices = np.unique(self.counts, return_counts=True)
        return dict(zip(values.tolist(), slices.tolist(), strict=True))

    def slices_needed(self, half_width: float, level: float = 0.95) -> int:
        """Slices for an interval of the mean of +- `half_width`, judged by the counts seen here."""
        return intervals.slices_needed(self.counts, half_width, level)

    @property
    def first_boundary(self) -> Float[np.ndarray, " slices"]:
        """Distance [slices] along the segment from the first anchor to the first label change.

        In units of input space; infinity where the label never changes towards the second anchor.
        A margin of the first anchor along this direction.

        Raises:
            ValueError: boundaries were not kept, or the extent does not hold the first anchor.
        """
        if self.boundaries is None or self.lengths is None:
            raise ValueError(
                "boundaries were not kept: call count_regions with boundaries=True on segments"
            )
        if not self.extent[0] <= 0 <= self.extent[1]:
            raise ValueError(f"the extent {self.extent} does not hold the first anchor (0)")
        inside = [boundaries[boundaries >= 0] for boundaries in self.boundaries]
        return np.asarray(
            [
                found[0] * length if found.size else np.inf
                for found, length in zip(inside, self.lengths, strict=True)
            ]
        )

    def to_dict(self) -> dict[str, object]:
        """Statistics and all fields as numbers, texts and lists, fit for `json.dumps`.

        None stands for what the method does not give, and for a number that is not finite.
        """
        statistics = {
            "slices": len(self),
            "mean": self.mean,
            "standard_error": self.standard_error,
            "median": self.median,
        }
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: result_tables.plain(value) for name, value in (statistics | fields).items()}

    def to_dataframe(self, rows: str = "slices") -> Any:
        """A pandas data frame.

        Args:
            rows: "slices", a row for each slice; "regions", a row for each region: on segments
                slice, region, label, start and end in coordinates of the slice, length in units of
                input space; beyond segments slice, region, label, area (size), share of the slice
                and, on planes that were not counted on a grid, perimeter.

        Raises:
            UserError: pandas is missing, or the regions were not kept.
            ValueError: `rows` is neither.
        """
        if rows not in ("slices", "regions"):
            raise ValueError(f"rows must be 'slices' or 'regions', got {rows!r}")
        columns = result_tables.slice_columns if rows == "slices" else result_tables.region_columns
        return result_tables.data_frame(columns(self))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the result to one file that appears whole or not at all; see `load`.

        Args:
            path: the file, such as `counts.npz`; the name is taken as it is, but for "~", which
                is the home.

        Raises:
            UserError: it cannot be written.
        """
        result_file.write(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "RegionCounts":
        """Reads what `save` wrote; it equals what was saved. No code in the file is ever run.

        Raises:
            UserError: there is no such file, it is damaged, it holds something else, or a later
                version of rcjax wrote it.
        """
        return cls(**result_file.read(path))

    def __len__(self) -> int:
        return len(self.counts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RegionCounts):
            return NotImplemented
        # mypy does not see the comparison that jaxlib compiles into PyTreeDef.
        same_fields = jax.tree.structure(self) == jax.tree.structure(other)  # type: ignore[operator]
        return same_fields and all(map(_same, jax.tree.leaves(self), jax.tree.leaves(other)))

    def __hash__(self) -> int:
        return hash((self.method, self.dim, self.points, tuple(self.counts.tolist())))

    def __repr__(self) -> str:
        return result_text.as_text(self)

    def _repr_html_(self) -> str:
        return result_text.as_html(self)


def _same(one: ArrayLike, other: ArrayLike) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return np.array_equal(one, other, equal_nan=one.dtype.kind == other.dtype.kind == "f")


_SETTINGS = (
    "method", "dim", "points", "extent", "connectivity", "evaluations", "score_kind", "precision",
    "low_precision", "reevaluated_share",
)  # fmt: skip
jax.tree_util.register_dataclass(
    RegionCounts,
    data_fields=[f.name for f in dataclasses.fields(RegionCounts) if f.name not in _SETTINGS],
    meta_fields=list(_SETTINGS),
)
