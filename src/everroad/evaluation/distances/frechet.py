"""Fréchet distance between two Gaussians fitted to features (Heusel et al. 2017, eq. 6): FID and FVD by their features.

``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``. The trace of the root is the sum of the roots of the eigenvalues of
``C1^(1/2) C2 C1^(1/2)``, which is symmetric and has none below zero: no complex root, no term added to the diagonal.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.evaluation.distances.moments import Moments


def frechet_distance(first: Moments, second: Moments) -> float:
    """The squared distance, of unbiased covariances, in float64. Symmetric; 0 for equal moments, up to rounding.

    Raises ``ValueError`` for numbers of features that differ and for fewer than 2 samples.
    """
    if first.mean.shape != second.mean.shape:
        raise ValueError(
            f"features: expected one number of them, got {len(first.mean)} and {len(second.mean)}; use one network for both"
        )
    one, other = first.covariance, second.covariance
    apart = first.mean - second.mean
    trace = np.trace(one) + np.trace(other) - 2 * trace_of_root(one, other)
    return max(float(apart @ apart + trace), 0.0)


def trace_of_root(one: Float[ndarray, "d d"], other: Float[ndarray, "d d"]) -> float:
    """``tr (one other)^(1/2)`` of two symmetric matrices without negative eigenvalues, also of singular ones."""
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    product = root @ other @ root
    between = np.linalg.eigvalsh((product + product.T) / 2)
    return float(np.sqrt(np.maximum(between, 0.0)).sum())
