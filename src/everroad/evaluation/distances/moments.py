"""Mean and covariance of features, gathered batch by batch in float64. Axis letters: ``n`` samples, ``d`` features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Float
from numpy import ndarray


@dataclass(frozen=True, eq=False)
class Moments:
    """How many samples, their mean, and the sum of the outer products of their deviations from it."""

    count: int
    mean: Float[ndarray, "d"]
    scatter: Float[ndarray, "d d"]

    @property
    def covariance(self) -> Float[ndarray, "d d"]:
        """The unbiased one (divided by one less than the count). Raises ``ValueError`` for fewer than 2 samples."""
        if self.count < 2:
            raise ValueError(f"features: expected 2 samples at least, got {self.count}; give more frames or clips")
        return self.scatter / (self.count - 1)


def moments_of(features: Float[ndarray, "n d"]) -> Moments:
    """Of one batch. Raises ``ValueError`` for an empty one, and for values that are no finite numbers."""
    check_features(features)
    features = features.astype(np.float64)
    mean = features.mean(0)
    centred = features - mean
    return Moments(len(features), mean, centred.T @ centred)


def check_features(features: Float[ndarray, "n d"]) -> None:
    """Raises ``ValueError`` for no samples or no features, and for values that are no finite numbers."""
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(f"features: expected samples by features, got {features.shape}; give one frame at least")
    bad = np.flatnonzero(~np.isfinite(features).all(1))
    if len(bad):
        raise ValueError(f"features: expected finite numbers, got others in {len(bad)} samples, first {bad[0]}; mend them")


def joined(first: Moments, second: Moments) -> Moments:
    """Of both sets of samples together (Chan, Golub and LeVeque 1983, the pairwise update)."""
    if first.mean.shape != second.mean.shape:
        raise ValueError(
            f"features: expected one number of them, got {len(first.mean)} and {len(second.mean)}; use one network for both"
        )
    count = first.count + second.count
    apart = second.mean - first.mean
    mean = first.mean + apart * (second.count / count)
    scatter = first.scatter + second.scatter + np.outer(apart, apart) * (first.count * second.count / count)
    return Moments(count, mean, scatter)


def all_joined(parts: Iterable[Moments]) -> Moments:
    """Of all of them together. Raises ``ValueError`` where there are none."""
    parts = list(parts)
    if not parts:
        raise ValueError("features: expected one set of samples at least, got none; give frames or clips")
    return reduce(joined, parts)
