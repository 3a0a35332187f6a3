"""Named protocols: what each compares."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from everroad.evaluation.networks.i3d import PREPARATIONS as OF_CLIPS
from everroad.evaluation.networks.inception import PREPARATIONS as OF_PICTURES
from everroad.evaluation.protocols import PROTOCOLS, Protocol, get_protocol


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda of: of.name)
def test_a_protocol_can_be_followed_and_says_what_is_ours(protocol: Protocol) -> None:
    assert protocol.picture_preparation in OF_PICTURES
    assert protocol.clip_preparation in OF_CLIPS
    assert protocol.clip_frames >= 9  # I3D takes no shorter ones
    assert set(protocol.ours) <= {field.name for field in fields(Protocol)}
    for first in protocol.clip_starts():
        assert protocol.first <= first <= first + protocol.clip_frames - 1 <= protocol.frames
    assert protocol.picture_frames()[0] == protocol.first
    assert json.loads(json.dumps(protocol.to_json()))["source"] == protocol.source


def test_the_start_picture_is_compared_only_where_it_counts() -> None:
    short = get_protocol("stage-short")
    assert short.picture_frames() == list(range(1, 17))
    assert short.clip_starts() == [1]
    assert replace(short, start="counted").picture_frames()[0] == 0
    long = get_protocol("stage-long")
    assert long.clip_starts() == list(range(1, 226, 8))


def test_what_cannot_be_followed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"frames: expected 16 at least for clips of 16 frames \(stage-short\), got 8"):
        replace(get_protocol("stage-short"), frames=8)
    with pytest.raises(ValueError, match="expected strides of 1 frame at least, got 0"):
        replace(get_protocol("stage-short"), picture_stride=0)
    with pytest.raises(ValueError, match="got 'stage-sort'; did you mean 'stage-short'"):
        get_protocol("stage-sort")
