"""``GeneratedExport``: takes a run's frames while they are made and exports them as one scene of one camera.

The labels are the scenario's: what the model was asked for, not what it drew.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxtyping import UInt8
from numpy import ndarray

from everroad.export.folder import check_folder
from everroad.export.opening import check_cameras, check_known, check_shards, open_scene, scene_content
from everroad.export.options import ExportOptions, folder_name
from everroad.export.pictures import encode
from everroad.export.run import join
from everroad.export.scene import SceneWriter
from everroad.export.summary import in_the_tables
from everroad.export.timing import check_stamps
from everroad.scenario.edit.time import cut
from everroad.scenario.types import Camera, Scenario


class GeneratedExport:
    """A sink of generated frames: ``begin``, then ``write`` frames 1, 2, ..., then ``end``; or ``abandon``.

    Frame 1 of the run is frame 0 of the scene: the start image, which nobody generated, is left out.
    """

    def __init__(self, out: Path, options: ExportOptions) -> None:
        self._out, self._options = out, options
        self._writer: SceneWriter | None = None
        self._camera: Camera | None = None

    def begin(self, scenario: Scenario, camera: Camera, frames: int, made_with: dict[str, Any]) -> None:
        """Takes the run's scenario (at the model's frame rate), its camera (at the model's size), how many frames there will be
        and what they are made with. Raises ``ValueError`` for a folder, or a scene in it, that refuses them."""
        scene = replace(cut(scenario, 1, frames), cameras=(camera,), images={})
        name = self._options.scene_name or folder_name(f"{scenario.name}-{camera.name}-seed{made_with['seed']}")
        options = replace(self._options, scene_name=name)
        check_cameras(scene)
        check_known(scene)
        check_stamps(scene)
        check_folder(self._out, options)
        check_shards(self._out)
        content = scene_content(scene, options, made_with)
        self._writer = open_scene(self._out, scene, options, content, painter=None, front=camera)
        self._camera = camera

    def write(self, frame_index: int, picture: UInt8[ndarray, "h w 3"]) -> None:
        """One generated frame, RGB at the camera's size."""
        if self._writer is not None and not self._writer.done:
            encoded = encode(picture, self._options.image_format)
            self._writer.write(frame_index - 1, lambda _: encoded)

    def end(self) -> None:
        """All frames are there: the scene counts, and the export's tables have it."""
        if self._writer is not None:
            self._writer.close()
            join(self._out, self._writer.name)

    def abandon(self) -> None:
        """The run did not end: its frames go."""
        if self._writer is not None:
            self._writer.abandon()

    def summary(self) -> str:
        """The scene that ``end`` finished, and what the tables hold of it."""
        name = "" if self._writer is None else self._writer.name
        return f"{self._out}: scene {name}, {in_the_tables(self._out, name)}"
