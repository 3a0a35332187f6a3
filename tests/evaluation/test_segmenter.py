"""The judge's shape, size and file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from everroad.evaluation.judge_files import restored, stored
from everroad.evaluation.segmenter import (
    MULTIPLE_PX,
    Segmenter,
    SegmenterConfig,
    load_packaged_segmenter,
    load_segmenter,
    save_segmenter,
)
from everroad.model.checkpoint import file_sha256
from everroad.render.semantics import SEMANTIC_CLASSES


def build(widths: tuple[int, int, int] = (8, 12, 16)) -> Segmenter:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Segmenter(SegmenterConfig(widths)).eval()


def pictures(height: int, width: int, batch: int = 2) -> torch.Tensor:
    draw = np.random.default_rng([height, width])
    return torch.from_numpy(draw.integers(0, 256, (batch, 3, height, width), dtype=np.uint8))


@pytest.mark.parametrize("size", [(64, 112), (128, 224), (256, 448), (8, 16)])
def test_one_class_a_pixel_at_every_frame_size(size: tuple[int, int]) -> None:
    segmenter = build()
    images = pictures(*size)
    assert segmenter(images.float() / 255).shape == (2, len(SEMANTIC_CLASSES), *size)
    labels = segmenter.labels(images)
    assert labels.shape == (2, *size)
    assert labels.dtype == torch.uint8
    assert int(labels.max()) < len(SEMANTIC_CLASSES)


def test_the_shipped_size_is_at_most_half_a_million_parameters() -> None:
    assert sum(p.numel() for p in Segmenter().parameters()) <= 500_000


def test_a_picture_is_labelled_the_same_alone_and_in_a_batch() -> None:
    segmenter, images = build(), pictures(32, 48, batch=3)
    alone = torch.cat([segmenter.labels(image[None]) for image in images])
    assert (alone == segmenter.labels(images)).float().mean() > 0.999


def test_what_a_pixel_is_called_depends_on_its_surroundings() -> None:
    segmenter, images = build(), pictures(64, 112, batch=1).float() / 255
    changed = images.clone()
    changed[..., :, 80:] = 0
    before, after = segmenter(images), segmenter(changed)
    assert not torch.allclose(before[..., 70:78], after[..., 70:78])


def test_sides_that_are_no_multiples_are_refused() -> None:
    with pytest.raises(ValueError, match=rf"multiples of {MULTIPLE_PX} pixels, got 36x112"):
        build()(torch.zeros(1, 3, 36, 112))


def test_widths_are_checked() -> None:
    with pytest.raises(ValueError, match="three positive numbers"):
        SegmenterConfig((8, 0, 8))


def test_round_trip_keeps_the_rounded_weights(tmp_path: Path) -> None:
    segmenter, path = build(), tmp_path / "judge.safetensors"
    save_segmenter(segmenter, path, {"scores": {"road": 0.9}})
    loaded, card = load_segmenter(path)
    assert not loaded.training
    assert card["scores"] == {"road": 0.9}
    assert card["sha256"] == file_sha256(path) == json.loads(path.with_suffix(".json").read_text())["sha256"]
    for name, tensor in segmenter.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], restored(stored(name, tensor))[name]), name
    assert sorted(p.name for p in tmp_path.iterdir()) == ["judge.json", "judge.safetensors"]


def test_files_that_are_no_segmenter_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "judge.safetensors"
    save_segmenter(build(), path, {})
    whole = path.read_bytes()
    bad = {
        "truncated": (whole[: len(whole) // 2], "truncated"),
        "pickle": (b"\x80\x04rest", "pickle"),
        "another kind": (whole.replace(b'"kind":"segmenter"', b'"kind":"detectors"'), "expected a segmenter"),
        "another version": (whole.replace(b'"format_version":"1"', b'"format_version":"7"'), "expected a segmenter"),
        "other classes": (whole.replace(b"lane_marking", b"lane_markinG"), "expected the classes"),
    }
    for name, (data, words) in bad.items():
        path.write_bytes(data)
        with pytest.raises(ValueError, match=words) as caught:
            load_segmenter(path)
        assert "\n" not in str(caught.value), name
    with pytest.raises(ValueError, match="got no file"):
        load_segmenter(tmp_path / "missing.safetensors")


def test_weights_of_other_widths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "judge.safetensors"
    save_segmenter(build(), path, {})
    path.write_bytes(path.read_bytes().replace(b"[8, 12, 16]", b"[8, 16, 16]"))
    with pytest.raises(ValueError, match="weights of this architecture"):
        load_segmenter(path)


def test_the_packaged_one_knows_the_layout_classes() -> None:
    segmenter, card = load_packaged_segmenter()
    assert sum(p.numel() for p in segmenter.parameters()) <= 500_000
    assert card["scores"]["mean"] > 0.6
    assert card["town_seeds"][0] >= 1_000_000
