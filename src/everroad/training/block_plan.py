"""How many training pictures a recipe makes at a time, how often each serves, and which recordings they come from if any."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import inf

from everroad.data.blocks import BlockShape
from everroad.data.recordings import Cameras
from everroad.training.overrides import NEVER_EMPTY


@dataclass(frozen=True)
class BlockPlan:
    """How training pictures are made: towns, segments and frames of a block, uses of each frame, render processes."""

    towns: int = 16
    segments: int = 5
    frames: int = 13
    uses: int = 8
    town_seconds: float = 20.0
    workers: int = 1
    cache_dir: str = ""

    def __post_init__(self) -> None:
        whole = {"towns": (1, 1000), "segments": (1, 1000), "frames": (2, 1000), "uses": (1, 1000), "workers": (0, 256)}
        for name, (least, most) in whole.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name}: expected {least} to {most}, got {getattr(self, name)}")
        if not 0 < self.town_seconds <= 3600:
            raise ValueError(f"town_seconds: expected more than 0 and at most 3600, got {self.town_seconds}")

    @property
    def shape(self) -> BlockShape:
        return BlockShape(self.towns, self.segments, self.frames)


@dataclass(frozen=True)
class RecordedPlan:
    """Recordings to train on instead of painted towns. ``path``: a folder of scenario files with images, or one such file; ""
    paints towns. Of each recording only what lies before ``until_s`` is used, of its cameras the front one or all;
    ``vertical_anchor`` says where a taller picture is cropped (``conditions.rig``)."""

    path: str = field(default="", metadata=NEVER_EMPTY)
    until_s: float | None = None
    cameras: Cameras = "front"
    vertical_anchor: float = 0.5

    def __post_init__(self) -> None:
        if self.until_s is not None and not 0 < self.until_s < inf:
            wanted = "more than 0 s, or none for all of each recording"
            raise ValueError(f"until_s: expected {wanted}, got {self.until_s}; name a time within, or leave it out")
        if not 0 <= self.vertical_anchor <= 1:
            raise ValueError(f"vertical_anchor: expected 0 (top) to 1 (bottom), got {self.vertical_anchor}; name another")
        given = [item.name for item in fields(self) if getattr(self, item.name) != item.default]
        if given and not self.path:
            raise ValueError(f"path: expected the recordings beside {', '.join(given)}, got none; name them, or drop the rest")
