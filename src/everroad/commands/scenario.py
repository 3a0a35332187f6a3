"""``everroad scenario ...``: author, convert and look at scenarios."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from cyclopts import App

from everroad.commands.clip import CLIP, Clip, video_options
from everroad.commands.export import EXPORTED, Exported, Format, export_options
from everroad.commands.said import actors_of, frames_of, look_of
from everroad.commands.source import SOURCE, SourceOptions
from everroad.console import AtLeastOne, NotNegative, Seed, kept_is_said, output_file, progress_bar, say
from everroad.stream.folder import check_can_be_made, empty_folders_go

scenario_app = App(name="scenario", help="Author, convert and look at scenarios.")
TOWN_RATE_HZ = 12.0
SHOWN_ENDINGS = (".png", ".mp4", ".rrd")


@scenario_app.command
def town(
    *, seed: Seed, out: Path, seconds: float = 20.0, frame_rate: float = TOWN_RATE_HZ, rig: str = "nuscenes-front",
    quiet: bool = False,
) -> None:  # fmt: skip
    """Author a town with traffic, and an ego car that drives through it.

    Args:
        seed: Which town; 1000000 and more are for evaluation, never for training.
        out: Scenario file to write, .json or .json.gz.
        seconds: Length of the drive.
        frame_rate: Frames a second.
        rig: Named camera rig: nuscenes-front or nuscenes-6.
        quiet: Print nothing but errors.
    """
    with output_file(out, ".json", ".json.gz"):
        from everroad.scenario.storage import save_scenario
        from everroad.scenario.town import author_town

        authored = author_town(seed, seconds=seconds, frame_rate_hz=frame_rate, rig=rig)
        save_scenario(authored, out)
    say(f"{out}: {frames_of(authored)}, {actors_of(authored)}, {look_of(authored)}", quiet)


@scenario_app.command
def convert(
    source: Path, /, *, out: Path, camera: list[str] | None = None, frame_rate: float | None = None, clip: Clip = CLIP,
    taken: SourceOptions = SOURCE, quiet: bool = False,
) -> None:  # fmt: skip
    """Convert a driving log (Argoverse 2), a scene of a nuScenes data set, a plain video or another scenario file; the source
    is recognised.

    Args:
        source: Folder of the log or data set, video (.mp4, .mov, .mkv, .avi, .webm), or scenario file.
        out: Scenario file to write, .json or .json.gz.
        camera: Camera of a nuScenes scene to take; may be repeated. All of them if not given.
        frame_rate: Frames a second; 12 for logs and videos, the camera's for a nuScenes scene, a scenario file's own for those.
        quiet: Print nothing but errors.
    """
    with output_file(out, ".json", ".json.gz"), progress_bar("convert", quiet, "") as progress:
        from everroad.scenario.checks import check_once
        from everroad.scenario.sources import convert_scenario

        check_once("--camera", camera or ())
        options = {"rig": taken.rig, "without_map": taken.without_map, "frame_rate_hz": frame_rate}
        options |= {"choice": taken.choice(camera), "video": video_options(clip)}
        made = convert_scenario(source, out, **options, progress=progress)
    cameras = ", ".join(camera.name for camera in made.cameras)
    say(f"{out}: {frames_of(made)} at {made.frame_rate_hz:g} Hz, {actors_of(made)}, cameras {cameras}", quiet)


@scenario_app.command
def show(
    source: Path, /, *, out: Path, camera: list[str] | None = None, frame: list[NotNegative] | None = None,
    height: AtLeastOne = 288, ids: bool = False, taken: SourceOptions = SOURCE, quiet: bool = False,
) -> None:  # fmt: skip
    """Show a scenario from above and in all its cameras, with map and boxes over the recorded images where there are some.

    Args:
        source: Scenario file, or folder of a log or data set.
        out: File to write: .png (one frame, or a sheet of several), .mp4, or .rrd (a Rerun recording; needs the extra
            rerun: pip install -c constraints.txt -e ".[rerun]").
        camera: Camera to show; may be repeated. All of them without it.
        frame: Frame that a .png shows; may be repeated. Without it, four from the first to the last.
        height: Height of each camera's picture in pixels.
        ids: Write track ids beside the boxes.
        quiet: Print nothing but errors.
    """
    from everroad.scenario.checks import check_once

    check_once("--camera", camera or ())
    partial = f"{out.stem}.partial.mp4"
    with output_file(out, *SHOWN_ENDINGS), kept_is_said(out.parent, partial):
        shown = taken.read(source, quiet)
        from everroad.conditions.show import show_scenario

        options = {"image_folder": source.parent, "height_px": height, "ids": ids}
        with progress_bar("show", quiet) as progress:
            frames = show_scenario(shown, out, camera or (), frame or (), **options, progress=progress)
    cameras = ", ".join(camera or (one.name for one in shown.cameras)) or "none"
    say(f"{out}: {frames} of {frames_of(shown)}, cameras {cameras}", quiet)


@scenario_app.command(name="export")
def export_command(
    source: Path, /, *, out: Path, format: Format = "nuscenes", pictures: Literal["painter", "recorded"] = "painter",
    size: tuple[AtLeastOne, AtLeastOne] | None = None, frame_rate: float | None = None, shard_only: bool = False,
    overwrite: bool = False, exported: Exported = EXPORTED, taken: SourceOptions = SOURCE, quiet: bool = False,
) -> None:  # fmt: skip
    """Export a scenario as one scene of a data set in nuScenes' format, which is made or joined.

    Args:
        source: Scenario file, or folder of a log or data set.
        out: Folder of the data set.
        format: Format of the data set.
        pictures: Where the pictures come from: painter or recorded.
        size: Height and width of the pictures instead of the cameras' own.
        frame_rate: Frames a second; 12 for logs, a scenario file's own for those.
        shard_only: Leave the joining to "everroad scenario finalize": for several processes at once.
        overwrite: Replace the scene of that name in the data set.
        quiet: Print nothing but errors.
    """
    check_can_be_made(out, "--out")
    read = taken.read(source, quiet, frame_rate)
    from everroad.export.run import export_scenario
    from everroad.export.summary import in_the_tables

    options = {"pictures": pictures, "size_px": size, "image_folder": source.parent, "shard_only": shard_only}
    with empty_folders_go(out), progress_bar("export", quiet) as progress:
        name = export_scenario(read, out, export_options(exported, overwrite), progress=progress, **options)
    due = f"; in no table yet: everroad scenario finalize {out}" if shard_only else ""
    say(f"{out}: scene {name}, {in_the_tables(out, name)}{due}", quiet)


@scenario_app.command
def finalize(folder: Path, /, *, quiet: bool = False) -> None:
    """Join the finished scenes of an export to its tables, maps and splits; may be run again.

    Args:
        folder: Folder of the data set.
        quiet: Print nothing but errors.
    """
    from everroad.export.finalize import finalize as join
    from everroad.export.summary import counted

    say(f"{folder}: {counted(len(join(folder)), 'scene')}", quiet)


@scenario_app.command(name="list")
def list_(source: Path, /, *, data_version: str | None = None) -> None:
    """List the scenes of a nuScenes data set; one line for any other source.

    Args:
        source: Data set, folder of a log, or scenario file.
        data_version: Version folder of a nuScenes data set, where there are several.
    """
    from everroad.export.summary import counted, waiting
    from everroad.scenario.nuscenes.dataset import is_nuscenes, list_scenes, open_data_set

    due = waiting(source)
    if is_nuscenes(source):
        with progress_bar("index", False, "MB") as progress:
            found = list_scenes(open_data_set(source, version=data_version, progress=progress))
        for one in found:
            print(f"{one.name}: {counted(one.key_frames, 'key frame')}, {one.seconds:.1f} s, {one.location}, {one.description}")
    if due:
        print(f"{counted(due, 'scene')} in no table yet: everroad scenario finalize {source}")
    if due or is_nuscenes(source):
        return
    from everroad.scenario.nuscenes.choice import SceneChoice
    from everroad.scenario.sources import read_scenario, refuse_choice

    refuse_choice(source, SceneChoice(version=data_version))
    # Neither cameras nor map are asked for: a log that has none is listed, too.
    read = read_scenario(source, rig="nuscenes-front", without_map=True)
    print(f"{read.name}: {len(read)} frames, {read.time_s[-1]:.1f} s, {len(read.actors)} actors")


@scenario_app.command
def schema() -> None:
    """Print the JSON Schema of scenario files."""
    from everroad.scenario.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
