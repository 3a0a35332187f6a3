"""Named protocols: how many frames are made, which of them are compared, and how they are prepared.

Fréchet distances move by a factor of two with these choices, so every result carries its protocol whole. What a paper does not
say is ours, and listed in ``ours``. Distances of different protocols do not compare, nor do those of different networks.
"""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Protocol:
    """One way to measure.

    Attributes:
        name: as the command line knows it.
        source: where it comes from.
        frames: the last frame; frame 0 is the start picture, so that so many are generated.
        frame_rate_hz: at which the source measured. A model keeps its own, and the report says which.
        start: whether the start picture counts among the compared frames.
        clip_frames: frames of a clip (FVD).
        clip_stride: frames from the beginning of one clip to that of the next; 0: one clip, from the first compared frame on.
        picture_stride: of so many frames one is compared as a picture (FID, KID).
        picture_preparation: of pictures for Inception-v3.
        clip_preparation: of clips for I3D.
        scenarios: on how many scenarios the source measured; a result of fewer says so.
        ours: the fields that the source does not say.
    """

    name: str
    source: str
    frames: int
    frame_rate_hz: float
    start: Literal["counted", "left out"]
    clip_frames: int
    clip_stride: int
    picture_stride: int
    picture_preparation: str
    clip_preparation: str
    scenarios: int | None
    ours: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 2 <= self.clip_frames <= self.frames + (self.start == "counted"):
            least = max(2, self.clip_frames) - (self.start == "counted")
            raise ValueError(
                f"frames: expected {least} at least for clips of {self.clip_frames} frames ({self.name}), got {self.frames}; "
                "ask for more"
            )
        if self.clip_stride < 0 or self.picture_stride < 1:
            raise ValueError(f"{self.name}: expected strides of 1 frame at least, got {self.picture_stride}; mend them")

    @property
    def first(self) -> int:
        """The first compared frame."""
        return 0 if self.start == "counted" else 1

    def picture_frames(self) -> list[int]:
        """Frames that are compared as pictures."""
        return list(range(self.first, self.frames + 1, self.picture_stride))

    def clip_starts(self) -> list[int]:
        """First frames of the clips, all whole."""
        last = self.frames - self.clip_frames + 1
        return [self.first] if self.clip_stride == 0 else list(range(self.first, last + 1, self.clip_stride))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self) | {"ours": list(self.ours)}


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "stage-short", "STAGE (Wang et al. 2025), Table I, short: 16 frames at 12 Hz; code: I3D-400, plain resize",
            frames=16, frame_rate_hz=12.0, start="left out", clip_frames=16, clip_stride=0, picture_stride=1,
            picture_preparation="pytorch-fid", clip_preparation="resize", scenarios=150,
            ours=("start", "picture_stride", "scenarios"),
        ),
        Protocol(
            "stage-long", "STAGE (Wang et al. 2025), Table I, long: up to 240 frames at 12 Hz; code: I3D-400, plain resize",
            frames=240, frame_rate_hz=12.0, start="left out", clip_frames=16, clip_stride=8, picture_stride=4,
            picture_preparation="pytorch-fid", clip_preparation="resize", scenarios=150,
            ours=("start", "clip_frames", "clip_stride", "picture_stride", "scenarios"),
        ),
        Protocol(
            "wcoda", "W-CODA 2024, track 2: the first 16 frames of 150 scenes at 12 Hz, four generations each",
            frames=16, frame_rate_hz=12.0, start="left out", clip_frames=16, clip_stride=0, picture_stride=1,
            picture_preparation="pytorch-fid", clip_preparation="wcoda", scenarios=150, ours=("start", "picture_stride"),
        ),
        Protocol(
            "vista", "Vista (Gao et al. 2024): 25 frames at 10 Hz, FID without the start picture by torchmetrics",
            frames=24, frame_rate_hz=10.0, start="left out", clip_frames=24, clip_stride=0, picture_stride=1,
            picture_preparation="torch-fidelity", clip_preparation="short-side-crop", scenarios=5369,
            ours=("clip_frames", "clip_preparation"),
        ),
        Protocol(
            "glad", "Glad (2025): clips of 8 frames on nuScenes, 16 at most; I3D takes 9 at least; nothing else is published",
            frames=16, frame_rate_hz=12.0, start="left out", clip_frames=16, clip_stride=0, picture_stride=1,
            picture_preparation="pytorch-fid", clip_preparation="resize", scenarios=150,
            ours=(
                "frames", "clip_frames", "frame_rate_hz", "start", "picture_stride", "picture_preparation",
                "clip_preparation", "scenarios",
            ),
        ),
    )
}  # fmt: skip


def get_protocol(name: str) -> Protocol:
    """The protocol of that name. Raises ``ValueError`` with the names there are."""
    if name not in PROTOCOLS:
        near = difflib.get_close_matches(name, PROTOCOLS, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"protocol: expected one of {', '.join(PROTOCOLS)}, got '{name}'{hint}")
    return PROTOCOLS[name]
