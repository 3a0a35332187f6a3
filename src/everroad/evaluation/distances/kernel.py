"""Kernel distance between two sets of features (Bińkowski et al. 2018): squared maximum mean discrepancy of the cubic kernel.

Frames of one town are alike, so they are no independent samples: pairs within a town are left out of every term here, which
keeps the estimate unbiased, and the interval draws towns. With one sample a town that is the usual unbiased estimate.
Axis letters: ``n`` samples, ``d`` features, ``t`` towns, ``r`` draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.evaluation.distances.moments import check_features


def cubic_kernel(first: Float[ndarray, "n d"], second: Float[ndarray, "m e"]) -> Float[ndarray, "n m"]:
    """``(x . y / d + 1)^3``, in float64. Raises ``ValueError`` for numbers of features that differ."""
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"features: expected one number of them, got {first.shape[1]} and {second.shape[1]}; use one network for both"
        )
    return (first.astype(np.float64) @ second.astype(np.float64).T / first.shape[1] + 1) ** 3


@dataclass(frozen=True, eq=False)
class KernelSums:
    """Sums of the kernel over the pairs of two towns' samples: within each set and between them, and samples by town.

    With ``same_towns`` town i of one set is town i of the other.
    """

    first: Float[ndarray, "t t"]
    second: Float[ndarray, "u u"]
    between: Float[ndarray, "t u"]
    first_count: Float[ndarray, "t"]
    second_count: Float[ndarray, "u"]
    same_towns: bool


def kernel_sums(
    first: Sequence[Float[ndarray, "_ _"]], second: Sequence[Float[ndarray, "_ _"]], *, same_towns: bool = False
) -> KernelSums:
    """Of two sets, each a list of features by town.

    Raises ``ValueError`` for fewer than two towns in a set, and for numbers of towns that differ though they are the same.
    """
    if min(len(first), len(second)) < 2 or (same_towns and len(first) != len(second)):
        raise ValueError(
            f"kernel distance: expected 2 towns at least in each set{', the same' if same_towns else ''}, got {len(first)} and "
            f"{len(second)}; evaluate more towns"
        )
    for features in (*first, *second):
        check_features(features)
    return KernelSums(
        _by_town(first, first),
        _by_town(second, second),
        _by_town(first, second),
        np.array([len(features) for features in first], dtype=np.float64),
        np.array([len(features) for features in second], dtype=np.float64),
        same_towns,
    )


def kernel_distance(sums: KernelSums, draws: Float[ndarray, "r t"] | None = None) -> Float[ndarray, "r"]:
    """The unbiased squared discrepancy for each row of ``draws``: how often each town of the first set counts, and with
    ``same_towns`` of the second, too. All towns once if not given.

    NaN where fewer than two towns count. May be below zero where the sets are alike.
    """
    draws = np.ones((1, len(sums.first_count))) if draws is None else draws
    others = draws if sums.same_towns else np.ones((1, len(sums.second_count)))
    apart = ~np.eye(len(sums.first), dtype=bool)
    within = _mean(sums.first * apart, np.outer(sums.first_count, sums.first_count) * apart, draws, draws)
    apart = ~np.eye(len(sums.second), dtype=bool)
    within = within + _mean(sums.second * apart, np.outer(sums.second_count, sums.second_count) * apart, others, others)
    apart = ~np.eye(*sums.between.shape, dtype=bool) if sums.same_towns else np.ones(sums.between.shape, dtype=bool)
    others = np.broadcast_to(others, (len(draws), others.shape[1]))
    return within - 2 * _mean(sums.between * apart, np.outer(sums.first_count, sums.second_count) * apart, draws, others)


def _by_town(rows: Sequence[ndarray], columns: Sequence[ndarray]) -> ndarray:
    """Kernel sums by pairs of towns, one row of towns at a time."""
    starts = np.cumsum([0, *map(len, columns)])[:-1]
    every = np.concatenate(columns)
    return np.array([np.add.reduceat(cubic_kernel(features, every).sum(0), starts) for features in rows])


def _mean(sums: ndarray, pairs: ndarray, rows: ndarray, columns: ndarray) -> ndarray:
    """Of the kernel, each pair of towns as often as both are drawn."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.einsum("ri,ij,rj->r", rows, sums, columns) / np.einsum("ri,ij,rj->r", rows, pairs, columns)
