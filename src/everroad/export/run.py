"""``export_scenario``: a scenario goes in, a scene of a nuScenes-format data set comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from everroad.conditions.rig import fit_camera, front_camera
from everroad.export import lidar
from everroad.export.finalize import finalize
from everroad.export.folder import check_folder
from everroad.export.opening import check_cameras, check_known, check_scene, check_shards, open_scene, scene_content
from everroad.export.options import ExportOptions, folder_name
from everroad.export.pictures import PictureOf, check_recorded, painted_pictures, recorded_cameras, recorded_pictures
from everroad.export.scene import SceneWriter
from everroad.export.timing import check_stamps, key_frames
from everroad.render.painter import Painter
from everroad.scenario.types import Scenario

PictureSource = Literal["painter", "recorded"]
Progress = Callable[[int, int], None]  # frames done, frames in all


def export_scenario(
    scenario: Scenario,
    out: Path,
    options: ExportOptions | None = None,
    *,
    pictures: PictureSource = "painter",
    size_px: tuple[int, int] | None = None,
    image_folder: Path | None = None,
    points_of: lidar.PointsOf | None = None,
    shard_only: bool = False,
    progress: Progress | None = None,
) -> str:
    """Exports one scene into the folder ``out``, new or with other scenes in it, and returns the scene's name there.

    Args:
        scenario: what is exported.
        out: folder of the export.
        options: names, formats, overwrite; the defaults if not given.
        pictures: "painter" paints all cameras; "recorded" takes the recorded images of the cameras that have some.
        size_px: height and width to crop and scale pictures and cameras to; their own where not given.
        image_folder: what the scenario's image paths are relative to.
        points_of: lidar points by frame index (see ``lidar.PointsOf``); the painter's depth where not given.
        shard_only: leave the joining to a later ``finalize``: for many processes at once.
        progress: called after every frame.

    The same content a second time is left as it is. Raises ``ValueError`` for input that is refused, before anything is made
    (a picture of another size than its camera is met later; what was made goes again); ``OSError`` for a full disk.
    """
    options = ExportOptions() if options is None else options
    picked = _with_pictures(scenario, pictures, image_folder or Path())
    check_cameras(picked)
    check_known(picked)
    check_stamps(picked)
    check_folder(out, options)
    scene = picked
    if size_px is not None:
        scene = replace(picked, cameras=tuple(fit_camera(camera, *size_px) for camera in picked.cameras))
    made_with = {"pictures": pictures, "size": None if size_px is None else list(size_px)}
    content = scene_content(scene, options, {**made_with, "lidar": "given" if points_of else "painter"})
    # Before the painter, which takes a second to set up.
    check_scene(out, options.scene_name or folder_name(scene.name), content, options.overwrite)
    if not shard_only:
        check_shards(out)
    painter = Painter(scene) if pictures == "painter" else None
    picture_of: PictureOf = (
        recorded_pictures(picked, image_folder or Path(), options.image_format, size_px)
        if painter is None
        else painted_pictures(scene, painter, options.image_format)
    )
    front = front_camera(scene.cameras)
    writer = open_scene(out, scene, options, content, painter=painter, points_of=points_of, front=front)
    write_all(writer, scene, picture_of, progress)
    if not shard_only:
        join(out, writer.name)
    return writer.name


def join(out: Path, name: str) -> None:
    """``finalize`` after the scene ``name`` was finished: what stops it says that the scene is there."""
    try:
        finalize(out)
    except (OSError, ValueError, KeyboardInterrupt) as error:
        error.add_note(f"scene {name} is whole but in no table yet: run everroad scenario finalize {out}")
        raise


def write_all(writer: SceneWriter, scenario: Scenario, picture_of: PictureOf, progress: Progress | None) -> None:
    """All frames of a scene, unless it is there already; what was written goes again if something goes wrong."""
    try:
        for i in range(0 if writer.done else len(scenario)):
            writer.write(i, lambda camera, i=i: picture_of(i, camera))
            if progress is not None:
                progress(i + 1, len(scenario))
        writer.close()
    except BaseException:
        writer.abandon()
        raise


def _with_pictures(scenario: Scenario, pictures: PictureSource, image_folder: Path) -> Scenario:
    """The scenario with the cameras that get pictures."""
    if pictures == "painter":
        return replace(scenario, images={})
    cameras = recorded_cameras(scenario)
    if not cameras:
        raise ValueError(f"images of {scenario.name}: expected recorded images, got none; export painted pictures")
    picked = replace(scenario, cameras=cameras, images={camera.name: scenario.images[camera.name] for camera in cameras})
    check_recorded(picked, image_folder, key_frames(picked.time_s).tolist())
    return picked
