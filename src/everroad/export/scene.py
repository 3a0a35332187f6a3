"""One scene of an export, written frame by frame: pictures, lidar, labels; its shard, which makes it count, comes last."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from everroad.export import coco, kitti, lidar, pictures
from everroad.export.folder import KITTI_STAGE, MAP, SCENE, SHARD, ExportFolder, remove_scene, write_json
from everroad.export.map_layers import scenario_layers
from everroad.export.options import ExportOptions, folder_name
from everroad.export.pictures import EncodedPicture
from everroad.export.records import SceneFacts, Shot, Witnessed, pictures_made, scene_tables
from everroad.export.sight import Seen, Witness
from everroad.export.stored import FORMAT, FORMAT_VERSION
from everroad.export.timing import key_frames, timestamps_us
from everroad.export.writers import scene_is_finished
from everroad.media import read_image
from everroad.render.painter import Painter
from everroad.scenario.files import write_atomically
from everroad.scenario.storage import save_scenario
from everroad.scenario.types import Camera, Scenario, SceneFrame


class SceneWriter:
    """Writes frames 0, 1, ... of a scenario, then ``close``; ``abandon`` takes back what was written. See ``open_scene``."""

    def __init__(
        self,
        folder: ExportFolder,
        name: str,
        scenario: Scenario,
        options: ExportOptions,
        asked: dict[str, Any],
        digest: str,
        *,
        painter: Painter | None,
        points_of: lidar.PointsOf | None,
        front: Camera,
        held: ExitStack,
        done: bool,
    ) -> None:
        """``held`` is closed at the end; ``done`` says that this very content is there already."""
        self.name, self.done, self._held = name, done, held
        self._folder, self._scenario, self._options = folder, scenario, options
        self._asked, self._digest = asked, digest
        self._points_of, self._front = points_of, front
        self._keys = key_frames(scenario.time_s).tolist()
        self._stamps = timestamps_us(scenario, name).tolist()
        self._witness = Witness(scenario, painter)
        self._shots: list[Shot] = []
        self._files: list[str] = []
        self._witnessed: dict[int, dict[str, Witnessed]] = {}
        self._coco: list[dict[str, Any]] = []
        self._kitti: list[str] = []

    def write(self, frame_index: int, picture_of: Callable[[Camera], EncodedPicture | None]) -> None:
        """Writes one frame of all cameras."""
        frame = self._scenario.frame(frame_index)
        key = frame_index in self._keys
        seen: dict[str, Seen] = {}
        for camera in self._scenario.cameras:
            picture = picture_of(camera)
            if picture is None:
                continue
            stem = self._write_picture(frame_index, camera, picture, key)
            if key:
                seen[camera.name] = self._witness.look(frame, camera)
                self._write_ids(camera, stem, seen[camera.name].instance, seen[camera.name].depth_m)
            elif {"depth", "instances"} & set(self._options.also):
                self._write_ids(camera, stem, *self._witness.ids(frame, camera))
        if key:
            self._write_key_frame(frame, seen, picture_of)

    def close(self) -> None:
        """Writes scene file, map and shard; from then on the scene counts."""
        if not self.done:
            place = self._folder.scene(self.name)
            place.mkdir(parents=True, exist_ok=True)
            own = f"{place.relative_to(self._folder.root)}"
            save_scenario(replace(self._scenario, images=self._images()), place / SCENE)
            layers, bounds = scenario_layers(self._scenario)
            write_json(place / MAP, layers)
            self._files += [f"{own}/{SCENE}", f"{own}/{MAP}"]
            if "instances" in self._options.also:
                write_json(self._path(f"instances/{self.name}.json"), self._instance_names())
            made = pictures_made(self._asked)
            at = (self._stamps, self._keys, self._shots, self._witnessed)
            facts = SceneFacts(self.name, self._folder.location, self._scenario, made, *at)
            shard = {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "name": self.name,
                "asked": self._asked,
                "digest": self._digest,
                "split": self._options.split,
                "bounds_m": bounds,
                "map_key": layers["key"],
                "files": sorted(self._files),
                "coco": self._coco,
                "kitti": self._kitti,
                "tables": scene_tables(facts),
            }
            write_json(place / SHARD, shard)
            scene_is_finished(self._folder)
            self.done = True
        self._held.close()

    def abandon(self) -> None:
        """Takes back the files of a scene that does not count yet."""
        if not self.done:
            remove_scene(self._folder, self.name, self._files)
        self._held.close()

    def _path(self, relative: str) -> Path:
        path = self._folder.root / relative
        self._files.append(relative)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _stem(self, frame_index: int, channel: str) -> str:
        return f"{self.name}__{channel}__{self._stamps[frame_index]:016d}"

    def _write_picture(self, frame_index: int, camera: Camera, picture: EncodedPicture, key: bool) -> str:
        channel = folder_name(camera.name)
        stem = self._stem(frame_index, channel)
        filename = f"{'samples' if key else 'sweeps'}/{channel}/{stem}{picture.ending}"
        pictures.write_picture(self._path(filename), picture)
        size = (camera.width_px, camera.height_px)
        self._shots.append(Shot(frame_index, camera.name, filename, picture.ending.removeprefix("."), *size))
        return stem

    def _write_ids(self, camera: Camera, stem: str, instance: np.ndarray, depth_m: np.ndarray) -> None:
        channel = folder_name(camera.name)
        if "depth" in self._options.also:
            pictures.write_grey16(self._path(f"depth/{channel}/{stem}.png"), pictures.depth_picture(depth_m))
        if "instances" in self._options.also:
            pictures.write_grey16(self._path(f"instances/{channel}/{stem}.png"), instance)

    def _write_key_frame(
        self, frame: SceneFrame, seen: dict[str, Seen], picture_of: Callable[[Camera], EncodedPicture | None]
    ) -> None:
        i = frame.frame_index
        given = self._points_of
        points = lidar.painted_points(frame, self._witness) if given is None else lidar.given_points(given(i), i)
        filename = f"samples/{lidar.CHANNEL}/{self._stem(i, lidar.CHANNEL)}.pcd.bin"
        lidar.write_points(self._path(filename), points)
        self._shots.append(Shot(i, lidar.CHANNEL, filename, "pcd"))
        counts = lidar.points_in_boxes(points, frame.actors, frame.world_from_ego)
        self._witnessed[i] = {track_id: _witnessed(track_id, count, seen) for track_id, count in counts.items()}
        if "coco" in self._options.also:
            self._coco += [self._coco_picture(frame, name, at) for name, at in seen.items()]
        if "kitti" in self._options.also:
            self._write_kitti(frame, seen[self._front.name], points)

    def _coco_picture(self, frame: SceneFrame, channel: str, seen: Seen) -> dict[str, Any]:
        shot = next(s for s in reversed(self._shots) if s.channel == channel and s.frame_index == frame.frame_index)
        number = {track_id: n for n, track_id in self._witness.names.items()}
        actors = [
            {
                "track_id": actor.track_id,
                "detection_class": actor.detection_class,
                "box_px": list(sight.box_px),
                "seen_px": sight.seen_px,
                "segmentation": coco.run_lengths(seen.instance == number[actor.track_id]),
            }
            for actor in frame.actors
            if actor.detection_class and (sight := seen.of_actor.get(actor.track_id)) is not None and sight.box_px is not None
        ]
        return {"file_name": shot.filename, "width": shot.width_px, "height": shot.height_px, "actors": actors}

    def _write_kitti(self, frame: SceneFrame, seen: Seen, points: np.ndarray) -> None:
        stage = f"{self._folder.scene(self.name).relative_to(self._folder.root)}/{KITTI_STAGE}"
        stem = f"{frame.frame_index:06d}"
        shot = next(s for s in reversed(self._shots) if s.channel == self._front.name and s.frame_index == frame.frame_index)
        image = read_image(self._folder.root / shot.filename)
        pictures.write_picture(self._path(f"{stage}/image_2/{stem}.png"), pictures.encode(image, "png"))
        lines = kitti.label_lines(frame, self._front, seen.of_actor)
        write_atomically(self._path(f"{stage}/label_2/{stem}.txt"), "".join(f"{line}\n" for line in lines).encode())
        write_atomically(self._path(f"{stage}/calib/{stem}.txt"), kitti.calibration(self._front).encode())
        write_atomically(self._path(f"{stage}/velodyne/{stem}.bin"), kitti.velodyne(points).astype("<f4").tobytes())
        self._kitti.append(stem)

    def _instance_names(self) -> dict[str, Any]:
        """What the numbers in the instance pictures are."""
        actors = {
            str(number): {"track_id": actor.track_id, "category": actor.category}
            for number, actor in enumerate(self._scenario.actors, start=1)
        }
        facts = {"format": "everroad.instances", "format_version": FORMAT_VERSION, "nothing": 0, "actors": actors}
        return {**facts, "buildings_from": len(actors) + 1}

    def _images(self) -> dict[str, tuple[str, ...]]:
        """Paths of the exported pictures as the scene file names them."""
        images: dict[str, tuple[str, ...]] = {}
        for camera in self._scenario.cameras:
            of_frame = {shot.frame_index: f"../../{shot.filename}" for shot in self._shots if shot.channel == camera.name}
            images[camera.name] = tuple(of_frame.get(i, "") for i in range(len(self._scenario)))
        return images


def _witnessed(track_id: str, lidar_points: int, seen: dict[str, Seen]) -> Witnessed:
    sights = {channel: at.of_actor[track_id] for channel, at in seen.items() if track_id in at.of_actor}
    whole = sum(sight.whole_px for sight in sights.values())
    share = sum(sight.seen_px for sight in sights.values()) / whole if whole else 0.0
    return Witnessed(lidar_points, share, {c: sight.box_px for c, sight in sights.items() if sight.box_px is not None})
