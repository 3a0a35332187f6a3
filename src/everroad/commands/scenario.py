"""``everroad scenario ...``: author, convert and look at scenarios."""

from __future__ import annotations

import json
from pathlib import Path

from cyclopts import App

from everroad.commands.scene_options import SCENE, SceneOptions
from everroad.console import NotNegative, kept_is_said, output_file, progress_bar, say

scenario_app = App(name="scenario", help="Author, convert and look at scenarios.")
TOWN_RATE_HZ = 12.0


@scenario_app.command
def town(
    *, seed: NotNegative, out: Path, seconds: float = 20.0, frame_rate: float = TOWN_RATE_HZ, rig: str = "nuscenes-front",
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
    say(f"{out}: {len(authored)} frames, {len(authored.actors)} actors, {authored.weather} {authored.time_of_day}", quiet)


@scenario_app.command
def convert(
    source: Path, /, *, out: Path, camera: list[str] | None = None, rig: str | None = None, without_map: bool = False,
    frame_rate: float | None = None, scene: SceneOptions = SCENE, quiet: bool = False,
) -> None:  # fmt: skip
    """Convert a driving log (Argoverse 2), a scene of a nuScenes data set or another scenario file; the source is recognised.

    Args:
        source: Folder of the log or data set, or scenario file.
        out: Scenario file to write, .json or .json.gz.
        camera: Camera of a nuScenes scene to take; may be repeated. All of them if not given.
        rig: Named camera rig instead of the source's own cameras: nuscenes-front or nuscenes-6.
        without_map: Leave map and ground height out.
        frame_rate: Frames a second; 12 for logs, those of the camera for a nuScenes scene, a scenario file's own for those.
        quiet: Print nothing but errors.
    """
    with output_file(out, ".json", ".json.gz"), progress_bar("index", quiet, "MB") as progress:
        from everroad.scenario.sources import convert_scenario

        options = {"rig": rig, "without_map": without_map, "frame_rate_hz": frame_rate}
        made = convert_scenario(source, out, **options, choice=scene.choice(camera), progress=progress)
    cameras = ", ".join(camera.name for camera in made.cameras)
    say(f"{out}: {len(made)} frames at {made.frame_rate_hz:g} Hz, {len(made.actors)} actors, cameras {cameras}", quiet)


@scenario_app.command
def show(
    scenario: Path, /, *, out: Path, camera: list[str] | None = None, rig: str | None = None, without_map: bool = False,
    scene: SceneOptions = SCENE, quiet: bool = False,
) -> None:  # fmt: skip
    """Film a scenario from above and as its cameras' conditions.

    Args:
        scenario: Scenario file, or folder of a log or data set.
        out: Video to write, .mp4.
        camera: Camera to show; may be repeated. Without it, the one nearest to straight ahead.
        rig: Named camera rig instead of the scenario's own cameras.
        without_map: Leave map and ground height out.
        quiet: Print nothing but errors.
    """
    partial = f"{out.stem}.partial.mp4"
    with output_file(out, ".mp4"), kept_is_said(out.parent, partial), progress_bar("show", quiet) as progress:
        from everroad.scenario.sources import read_scenario

        with progress_bar("index", quiet, "MB") as indexed:
            shown = read_scenario(scenario, rig=rig, without_map=without_map, choice=scene.choice(), progress=indexed)
        from everroad.conditions.show import show_scenario

        show_scenario(shown, out, camera or (), progress=progress)
    say(f"{out}: {len(shown)} frames", quiet)


@scenario_app.command(name="list")
def list_(source: Path, /, *, data_version: str | None = None) -> None:
    """List the scenes of a nuScenes data set; one line for any other source.

    Args:
        source: Data set, folder of a log, or scenario file.
        data_version: Version folder of a nuScenes data set, where there are several.
    """
    from everroad.scenario.nuscenes.dataset import is_nuscenes, list_scenes, open_data_set

    if is_nuscenes(source):
        with progress_bar("index", False, "MB") as progress:
            found = list_scenes(open_data_set(source, version=data_version, progress=progress))
        for one in found:
            print(f"{one.name}: {one.key_frames} key frames, {one.seconds:.1f} s, {one.location}, {one.description}")
        return
    from everroad.scenario.sources import read_scenario

    # Neither cameras nor map are asked for: a log that has none is listed, too.
    read = read_scenario(source, rig="nuscenes-front", without_map=True)
    print(f"{read.name}: {len(read)} frames, {read.time_s[-1]:.1f} s, {len(read.actors)} actors")


@scenario_app.command
def schema() -> None:
    """Print the JSON Schema of scenario files."""
    from everroad.scenario.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
