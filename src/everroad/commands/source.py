"""Options of all commands that read a scenario from whatever source, and the reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import Parameter

from everroad.console import progress_bar

if TYPE_CHECKING:
    from everroad.scenario.nuscenes.choice import SceneChoice
    from everroad.scenario.types import Scenario


@Parameter(name="*")
@dataclass(frozen=True)
class SourceOptions:
    """What is taken of the source."""

    rig: str | None = None
    "Named camera rig instead of the source's own cameras: nuscenes-front or nuscenes-6. Recorded images then stay out."
    without_map: bool = False
    "Leave map and ground height out."
    scene: str | None = None
    "Scene of a nuScenes data set, such as scene-0061; may be left out where there is one. everroad scenario list names them."
    data_version: str | None = None
    "Version folder of a nuScenes data set, such as v1.0-mini, where there are several."
    key_frames: bool = False
    "Only the annotated key frames of a nuScenes scene, 2 a second, instead of all records of the camera."
    exact: bool = False
    "Read the whole scenario that was exported beside a data set's tables, instead of the tables."

    def choice(self, cameras: Sequence[str] | None = None) -> SceneChoice:
        """What concerns data sets of scenes alone."""
        from everroad.scenario.nuscenes.choice import SceneChoice

        chosen = tuple(cameras) if cameras else None
        return SceneChoice(self.scene, self.data_version, chosen, not self.key_frames, self.exact)

    def read(self, source: Path, quiet: bool, frame_rate_hz: float | None = None) -> Scenario:
        """The scenario; a bar on stderr while a data set is indexed."""
        from everroad.scenario.sources import read_scenario

        options = {"rig": self.rig, "without_map": self.without_map, "frame_rate_hz": frame_rate_hz}
        with progress_bar("index", quiet, "MB") as progress:
            return read_scenario(source, **options, choice=self.choice(), progress=progress)


SOURCE = SourceOptions()
