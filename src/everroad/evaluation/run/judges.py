"""The networks that judge, loaded once, and the size at which they look at pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from everroad.evaluation.detector.files import load_packaged_detector
from everroad.evaluation.detector.network import Detector
from everroad.evaluation.features.files import load_packaged_features
from everroad.evaluation.features.network import FeatureNetwork
from everroad.evaluation.mapping.head.files import load_packaged_map_head
from everroad.evaluation.mapping.head.network import MapHead
from everroad.evaluation.networks.i3d import I3dFeatures, load_i3d
from everroad.evaluation.networks.inception import InceptionFeatures, load_inception
from everroad.evaluation.networks.lpips import PerceptualDistance, load_lpips
from everroad.evaluation.protocols import Protocol
from everroad.evaluation.segmenter import Segmenter, load_packaged_segmenter
from everroad.evaluation.trunk import fold_normalisation

# The height of the pictures that they learnt from; widths follow the picture's shape.
HEIGHT_PX, MULTIPLE_PX = 128, 16


@dataclass(frozen=True)
class PublicNetworks:
    """Networks that saw photographs, with published weights."""

    inception: InceptionFeatures
    i3d: I3dFeatures
    lpips: PerceptualDistance

    def described(self) -> list[Mapping[str, Any]]:
        """For the report."""
        return [of.described() for of in (self.inception, self.i3d, self.lpips)]


@dataclass(frozen=True)
class Judges:
    """The packaged judges with their cards, by name, and public networks where they are asked for."""

    segmenter: Segmenter
    features: FeatureNetwork
    detector: Detector
    map_head: MapHead
    cards: Mapping[str, Mapping[str, Any]]
    public: PublicNetworks | None = None


def load_judges(device: torch.device, public: PublicNetworks | None = None) -> Judges:
    """The packaged judges on ``device``, and with them those that are given."""
    segmenter, segmenter_card = load_packaged_segmenter()
    features, features_card = load_packaged_features()
    detector, detector_card = load_packaged_detector()
    map_head, map_card = load_packaged_map_head()
    cards = {"segmenter": segmenter_card, "town-features": features_card, "town-detector": detector_card}
    cards["town-map-head"] = map_card
    for judge in (segmenter, features, detector, map_head):
        fold_normalisation(judge)
    return Judges(
        segmenter.to(device),
        features.to(device),
        detector.to(device),
        map_head.to(device),
        cards,
        public,
    )


def load_public(device: torch.device, protocol: Protocol) -> PublicNetworks:
    """Inception-v3, I3D and LPIPS as the protocol prepares their pictures, from the folder that ``EVERROAD_WEIGHTS`` names.

    Raises ``ValueError`` for weights that are not there or are others.
    """
    return PublicNetworks(
        load_inception(protocol.picture_preparation, device=str(device)),
        load_i3d(protocol.clip_preparation, device=str(device)),
        load_lpips(device=str(device)),
    )


def judged_size(height_px: int, width_px: int) -> tuple[int, int]:
    """Height and width at which pictures of a size are judged."""
    return HEIGHT_PX, max(MULTIPLE_PX, round(HEIGHT_PX * width_px / height_px / MULTIPLE_PX) * MULTIPLE_PX)
