"""Against torchmetrics, an independent implementation, where both mean the same.

FID: unbiased covariances, float64, in both. KID: torchmetrics draws random subsets and leaves out a sample's pair with itself;
one subset of everything is our distance of towns of one sample each, the two sets of different towns. With several samples a
town, or the same towns in both sets, ours leaves out more pairs, and there is nothing to compare. Average precision: nuScenes
reads precision at 101 recalls where torchmetrics sums steps, so the curve is compared, and read here as nuScenes does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from everroad.evaluation.detection.config import CVPR_2019, RECALLS
from everroad.evaluation.detection.curves import average_precisions
from everroad.evaluation.distances.frechet import frechet_distance
from everroad.evaluation.distances.kernel import kernel_distance, kernel_sums
from everroad.evaluation.distances.moments import all_joined, moments_of
from everroad.evaluation.layout_agreement import CLASS_IDS, overlaps
from everroad.render.semantics import SEMANTIC_CLASSES

pytest.importorskip("torchmetrics", reason="needs torchmetrics (extra dev)")
from torchmetrics.functional.classification import binary_precision_recall_curve, multiclass_jaccard_index
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

FEATURES = 7


class Themselves(torch.nn.Module):
    """A feature network whose pictures are their own features."""

    num_features = FEATURES

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def drawn(seed: int, samples: int, shift: float = 0.0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return draw.standard_normal((samples, FEATURES)) @ draw.standard_normal((FEATURES, FEATURES)) + shift


def fed(metric, real: np.ndarray, made: np.ndarray, batches: int):
    for features, is_real in ((real, True), (made, False)):
        for part in np.array_split(features, batches):
            metric.update(torch.from_numpy(part), real=is_real)
    return metric.compute()


@pytest.mark.parametrize(("real", "made", "shift"), [(200, 200, 0.0), (60, 90, 1.5), (8, 30, -0.5)])
def test_frechet_distance(real, made, shift):
    x, y = drawn(1, real), drawn(2, made, shift)
    expected = float(fed(FrechetInceptionDistance(feature=Themselves()), x, y, batches=4))
    ours = frechet_distance(all_joined(moments_of(part) for part in np.array_split(x, 3)), moments_of(y))
    assert expected > 1
    assert ours == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(("samples", "shift"), [(40, 0.0), (40, 1.5), (12, -0.5)])
@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`")
def test_kernel_distance(samples, shift):
    x, y = drawn(1, samples), drawn(2, samples, shift)
    metric = KernelInceptionDistance(feature=Themselves(), subsets=1, subset_size=samples)
    expected, _ = fed(metric, x, y, batches=3)
    sums = kernel_sums(list(x[:, None]), list(y[:, None]))
    assert kernel_distance(sums)[0] == pytest.approx(float(expected), rel=1e-9)
    # A biased estimate, with the pairs of a sample with itself, would be another number.
    assert abs(float(expected)) > 1e-3


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(0, 5))
def test_average_precision_reads_the_same_curve(seed, detections, missed):
    draw = np.random.default_rng(seed)
    hits = draw.random(detections) < 0.6
    hits[draw.integers(detections)] = True
    scores = np.sort(draw.permutation(1000)[:detections] / 1000)[::-1].copy()
    truths = int(hits.sum()) + missed
    precision, recall, _ = binary_precision_recall_curve(torch.from_numpy(scores), torch.from_numpy(hits).int())
    # Best first, without the end at recall 0 that torchmetrics adds. Its recall is of what was found, and in float32, where
    # precision that falls at one of the recalls would be read on either side: hence as a count.
    precision, recall = (of.numpy()[:-1][::-1].astype(np.float64) for of in (precision, recall))
    recall = np.rint(recall * hits.sum()) / truths
    # It stops where everything is found.
    read = np.interp(RECALLS, recall, precision, right=0)
    everything = replace(CVPR_2019, least_recall=0.0, least_precision=0.0)
    counted = read[everything.counted_recalls].mean()
    assert average_precisions(hits[:, None], truths, everything)[0] == pytest.approx(counted, abs=1e-6)


def test_intersection_over_union():
    draw = np.random.default_rng(0)
    truth = draw.integers(0, len(SEMANTIC_CLASSES), (40, 60)).astype(np.uint8)
    labels = np.where(draw.random(truth.shape) < 0.7, truth, draw.integers(0, len(SEMANTIC_CLASSES), truth.shape))
    both, either = overlaps(labels.astype(np.uint8), truth)
    expected = multiclass_jaccard_index(
        torch.from_numpy(labels.astype(np.int64)),
        torch.from_numpy(truth.astype(np.int64)),
        len(SEMANTIC_CLASSES),
        average="none",
    )
    np.testing.assert_allclose(both / either, expected.numpy()[CLASS_IDS], rtol=1e-6)
