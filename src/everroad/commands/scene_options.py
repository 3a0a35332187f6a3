"""Options that choose within a data set of scenes, shared by the commands that read one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cyclopts import Parameter

if TYPE_CHECKING:
    from everroad.scenario.nuscenes.choice import SceneChoice


@Parameter(name="*")
@dataclass(frozen=True)
class SceneOptions:
    """Which scene of a data set in nuScenes' format, and how."""

    scene: str | None = None
    "Scene of a nuScenes data set, such as scene-0061; everroad scenario list names them."
    data_version: str | None = None
    "Version folder of a nuScenes data set, such as v1.0-mini, where there are several."
    key_frames: bool = False
    "Only the annotated key frames of a nuScenes scene, 2 a second, instead of all records of the camera."
    exact: bool = False
    "Read the whole scenario that was exported beside a data set's tables, instead of the tables."

    def choice(self, cameras: Sequence[str] | None = None) -> SceneChoice:
        """The same for the reader."""
        from everroad.scenario.nuscenes.choice import SceneChoice

        chosen = tuple(cameras) if cameras else None
        return SceneChoice(self.scene, self.data_version, chosen, not self.key_frames, self.exact)


SCENE = SceneOptions()
