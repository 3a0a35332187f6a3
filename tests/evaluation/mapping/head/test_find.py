"""From queries to elements, and from a picture to its matches with the map."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everroad.conditions.rig import fit_camera, front_camera
from everroad.evaluation.mapping.head.config import MapHeadConfig
from everroad.evaluation.mapping.head.find import elements_found, find, lens_of, match_picture
from everroad.evaluation.mapping.head.network import Found, MapHead
from everroad.evaluation.mapping.head.seen import seen_elements
from everroad.evaluation.mapping.head.truth import padded
from everroad.evaluation.mapping.matching import match_frame
from everroad.evaluation.mapping.measures import map_measures
from everroad.scenario.town import author_town

SMALL = MapHeadConfig(widths=(4, 8, 8, 8), ground=(8, 8), query=16, queries=6, heads=2)
TOWN = author_town(3, seconds=4.0, frame_rate_hz=4.0)
CAMERA = fit_camera(front_camera(TOWN.cameras), 64, 112)


def test_true_points_are_found_as_the_true_elements() -> None:
    truth = seen_elements(TOWN, 8, CAMERA)
    points, label = padded(truth, 20)
    logits = torch.full((1, 1, len(label), 3), -9.0)
    for i, of in enumerate(label.tolist()):
        logits[0, 0, i, max(of, 0)] = 5.0 if of >= 0 else -9.0
    found = elements_found(Found(logits, points[None, None]))[0]
    assert len(found) == len(truth)  # those of no length are none
    for line, of in zip(found.lines_m, found.label, strict=True):
        assert np.array_equal(line[0], line[-1]) == (of == 0)
    measures = map_measures([match_frame(truth, found)])
    assert measures["mAP"].value == pytest.approx(1.0)


def test_a_picture_is_matched_with_what_the_camera_sees_of_the_map() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = MapHead(SMALL).eval()
    picture = np.random.default_rng(0).integers(0, 256, (64, 112, 3), dtype=np.uint8)
    matches = match_picture(head, picture, TOWN, 8, CAMERA)
    found = find(head, torch.from_numpy(picture).permute(2, 0, 1)[None], lens_of([CAMERA]))[0]
    expected = match_frame(seen_elements(TOWN, 8, CAMERA), found)
    assert matches.truths.tolist() == expected.truths.tolist()
    assert matches.truths.sum() > 0
    np.testing.assert_array_equal(matches.score, expected.score)
    assert len(matches.score) == 6
    with pytest.raises(ValueError, match="picture: expected the camera's 112x64, got 112x48; fit"):
        match_picture(head, picture[:48], TOWN, 8, CAMERA)
