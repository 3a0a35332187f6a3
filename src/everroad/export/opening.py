"""Opening a scene of an export: what is refused, and what happens to a scene of that name that is there."""

from __future__ import annotations

import hashlib
import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from everroad.export import lidar
from everroad.export.finalize import finalize
from everroad.export.folder import CARD, OWN, SHARD, ExportFolder, open_folder, remove_scene
from everroad.export.options import ExportOptions, folder_name
from everroad.export.scene import SceneWriter
from everroad.export.writers import writing
from everroad.interrupt import sigterm_interrupts
from everroad.render.painter import Painter
from everroad.scenario.storage import save_scenario
from everroad.scenario.types import Camera, Scenario


def check_cameras(scenario: Scenario) -> None:
    """Raises ``ValueError`` for a scenario without cameras, or with two whose pictures would lie in one folder."""
    if not scenario.cameras:
        raise ValueError(f"cameras of {scenario.name}: expected at least one, got none; name a rig (--rig nuscenes-6)")
    folders = [lidar.CHANNEL, *(folder_name(camera.name) for camera in scenario.cameras)]
    for name in folders:
        if folders.count(name) > 1:
            raise ValueError(f"cameras of {scenario.name}: expected a folder name for each, got {name} twice; rename one")


def check_known(scenario: Scenario) -> None:
    """Raises ``ValueError`` where ego motion or actors are unknown: tables cannot say so, and would state something else."""
    said = []
    if not scenario.ego_motion_known:
        said.append(("ego motion", "the car stands", "ego_motion_known"))
    if not scenario.actors_known and not scenario.actors:
        said.append(("actors", "the road is empty", "actors_known"))
    if said:
        things, meanings, fields = (" and ".join(words) for words in zip(*said, strict=True))
        raise ValueError(
            f"{scenario.name}: expected known {things}, got {things} unknown, of which tables would say that {meanings}; "
            f"give them (docs/own_data.md), or set {fields} in the scenario file if that is so"
        )


@dataclass(frozen=True)
class Content:
    """What tells one exported scene from another of its name: what was asked for, and a digest of that and the scenario."""

    asked: dict[str, Any]
    digest: str


def scene_content(scenario: Scenario, options: ExportOptions, made_with: dict[str, Any]) -> Content:
    """The content of a scene that is exported so. ``made_with``: what its pictures and points are made with, as JSON values."""
    asked = {"image_format": options.image_format, "also": sorted(options.also), "split": options.split, **made_with}
    with tempfile.TemporaryDirectory() as place:
        save_scenario(scenario, Path(place) / "scene.json")
        content = (Path(place) / "scene.json").read_bytes()
    return Content(asked, hashlib.sha256(content + json.dumps(asked, sort_keys=True).encode()).hexdigest())


def check_scene(root: Path, name: str, content: Content, overwrite: bool) -> None:
    """Raises ``ValueError`` for a scene that is there with other content and not to be replaced. Makes nothing."""
    if (root / OWN / CARD).is_file():
        _same_or_replaced(root, name, open_folder(root).shard(name), content, overwrite)


def check_shards(root: Path) -> None:
    """Raises ``ValueError`` for a finished scene whose file is broken, which could not be joined with another."""
    if (root / OWN / CARD).is_file():
        folder = open_folder(root)
        for name in folder.scene_names():
            folder.shard(name)


def open_scene(
    root: Path,
    scenario: Scenario,
    options: ExportOptions,
    content: Content,
    *,
    painter: Painter | None,
    points_of: lidar.PointsOf | None = None,
    front: Camera,
) -> SceneWriter:
    """A writer into the export ``root``, which is made where there is none. It holds the scene's lock until it is closed.

    Args:
        root: folder of the export.
        scenario: what is exported; its cameras all get pictures, whatever their names and sizes.
        options: how.
        content: ``scene_content``; a scene of the same content is not written again (``SceneWriter.done``).
        painter: the painter of the pictures, or ``None`` where the painter made none: then masks, lidar points and visibility
            come from the actors alone on bare ground.
        points_of: lidar points by frame index; painted ones where not given.
        front: the camera that KITTI files are of.

    Raises ``ValueError`` for a scene that is there with other content and not to be replaced, or that another process writes.
    """
    name = options.scene_name or folder_name(scenario.name)
    if name == CARD:
        raise ValueError(f"scene_name: expected another name than that of the export's own file, got '{name}'; name another")
    with ExitStack() as held:
        held.enter_context(sigterm_interrupts())
        folder = held.enter_context(writing(root, options, name))
        done = _is_there(folder, name, content, options.overwrite)
        more = {"painter": painter, "points_of": points_of, "front": front, "done": done}
        return SceneWriter(folder, name, scenario, options, content.asked, content.digest, held=held.pop_all(), **more)


def _same_or_replaced(root: Path, name: str, shard: dict[str, Any] | None, content: Content, overwrite: bool) -> bool:
    """Whether the scene is there with this content."""
    if shard is not None and shard["digest"] == content.digest:
        return True
    if shard is None or overwrite:
        return False
    there, asked = shard["asked"], content.asked
    others = [key for key in sorted(asked) if there.get(key) != asked[key]]
    wanted, got = (", ".join(f"{key} {json.dumps(of.get(key))}" for key in others) for of in (asked, there))
    what = f"scene {name} with {wanted}, got {got}" if others else f"no scene {name} with other content, got one"
    raise ValueError(f"{root}: expected {what}; name another scene, or use --overwrite")


def _is_there(folder: ExportFolder, name: str, content: Content, overwrite: bool) -> bool:
    """Whether the scene is there with this content; one with other content is refused or taken away."""
    shard = folder.shard(name)
    if _same_or_replaced(folder.root, name, shard, content, overwrite):
        return True
    if shard is not None:
        # First the scene no longer counts, then the tables no longer name its files, then these go.
        (folder.scene(name) / SHARD).unlink()
        finalize(folder.root)
        remove_scene(folder, name, shard["files"])
    return False
