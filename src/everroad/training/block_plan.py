"""How many training pictures a recipe makes at a time, and how often each serves."""

from __future__ import annotations

from dataclasses import dataclass

from everroad.data.blocks import BlockShape


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
