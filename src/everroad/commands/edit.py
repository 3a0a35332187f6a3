"""``everroad scenario add-actor, remove, replay, look, cut, join`` and ``event``, which take a scenario and write another; and
``towns``, which authors many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from everroad.commands.added import Behaves, Side, behaviour_of, place_of
from everroad.commands.said import actors_of, frames_of, look_of
from everroad.commands.scenario import TOWN_RATE_HZ, scenario_app
from everroad.console import AtLeastOne, Seed, Threads, output_file, progress_bar, say
from everroad.scenario.events.parameters import EVENTS, Parameters, get_event
from everroad.stream.folder import check_can_be_made, empty_folders_go

if TYPE_CHECKING:
    from everroad.scenario.types import Scenario

LOOKS = ("--weather", "--time-of-day", "--appearance", "--rig")
ENDINGS = (".json", ".json.gz")
event_app = App(name="event", help="Stage a dangerous event in a town of a seed, or in a scenario.")
scenario_app.command(event_app)

Words = Annotated[list[str] | None, Parameter(consume_multiple=True)]


def _read(source: Path, out: Path) -> Scenario:
    """The scenario with its recorded images' paths as seen from the new file."""
    from everroad.scenario.sources import images_seen_from, read_scenario

    return images_seen_from(read_scenario(source), source, out)


def _write(edited: Scenario, out: Path, quiet: bool, what: str = "") -> None:
    from everroad.scenario.storage import save_scenario

    save_scenario(edited, out)
    said = f"{out}: {frames_of(edited)}, {actors_of(edited)}, {look_of(edited)}"
    say(f"{said}{what and '; '}{what}", quiet)


@scenario_app.command
def towns(
    *, seed: Seed, count: AtLeastOne, out: Path, seconds: float = 20.0, frame_rate: float = TOWN_RATE_HZ,
    rig: str = "nuscenes-front", workers: Threads = 1, quiet: bool = False,
) -> None:  # fmt: skip
    """Author many towns into a folder, a file each; run again, it goes on where it was interrupted.

    Args:
        seed: First town; the others follow.
        count: How many towns.
        out: Folder, new or of an earlier run with the same options.
        seconds: Length of each drive.
        frame_rate: Frames a second.
        rig: Named camera rig: nuscenes-front or nuscenes-6.
        workers: Processes.
        quiet: Print nothing but errors.
    """
    check_can_be_made(out, "--out")
    from everroad.scenario.towns import TownOptions, author_towns

    with empty_folders_go(out / "any"), progress_bar("towns", quiet, "towns") as progress:
        made = author_towns(
            out, range(seed, seed + count), TownOptions(seconds, frame_rate, rig), workers=workers, progress=progress
        )
    from everroad.export.summary import counted

    say(f"{out}: {counted(count, 'town')}, {made} of them new", quiet)


@scenario_app.command(name="add-actor")
def add_actor(
    source: Path, /, *, out: Path, name: str = "added", behaviour: Behaves,
    lane: str | None = None, along: float | None = None, ahead: float | None = None,
    side: Side | None = None, left: float = 0.0, category: str = "vehicle.car",
    speed: float | None = None, at: float | None = None, towards: Literal["left", "right"] | None = None, from_s: float = 0.0,
    until_s: float | None = None, allow_overlap: bool = False, quiet: bool = False,
) -> None:  # fmt: skip
    """Add an actor to a scenario.

    Args:
        source: Scenario file, or folder of a log.
        out: Scenario file to write, .json or .json.gz.
        name: Its track id.
        behaviour: What it does.
        lane: Lane to put it on, by id.
        along: Metres from the start of that lane; 0 without it.
        ahead: Instead of a lane: metres ahead of where the ego is at the start (for cross: at --at).
        side: With --ahead: the ego's lane (without it), the next one to the left or right, or the nearest oncoming one.
        left: Metres to the left of the lane's centre.
        category: nuScenes category; cross takes human.pedestrian.adult too.
        speed: Metres a second; without it 8, and 1.5 for a pedestrian that crosses.
        at: When it cuts in, brakes or sets out, seconds; at once without it.
        towards: The side it cuts in to (without it, the ego's), or for cross comes from (without it, the right).
        from_s: It is there from this time on, seconds.
        until_s: And up to this one.
        allow_overlap: Let it stand in or drive into others.
        quiet: Print nothing but errors.
    """
    with output_file(out, *ENDINGS):
        from everroad.scenario.edit.add_actor import add_actor as add

        does = behaviour_of(behaviour, at, speed, towards, side, category)
        place = place_of(lane, along, ahead, side, left, (at or 0.0) if behaviour == "cross" else 0.0)
        options: dict[str, Any] = {"category": category, "from_s": from_s, "until_s": until_s, "allow_overlap": allow_overlap}
        _write(add(_read(source, out), name, place, does, **options), out, quiet)


@scenario_app.command
def remove(source: Path, /, *, out: Path, id: Words = None, cls: Annotated[Words, Parameter(name="--class")] = None,
           quiet: bool = False) -> None:  # fmt: skip
    """Remove actors from a scenario.

    Args:
        source: Scenario file, or folder of a log.
        out: Scenario file to write, .json or .json.gz.
        id: Track ids; * and ? stand for other letters.
        cls: Detection classes or categories, with the same wildcards.
        quiet: Print nothing but errors.
    """
    with output_file(out, *ENDINGS):
        from everroad.scenario.edit.remove import remove as take_out

        if not id and not cls:
            raise ValueError("--id, --class: expected one of them, got none; say whom to remove")
        before = _read(source, out)
        after = take_out(before, id or (), cls or ())
        _write(after, out, quiet, f"{len(before.actors) - len(after.actors)} removed")


@scenario_app.command
def replay(
    source: Path, /, *, out: Path, left: float | None = None, pace: float | None = None,
    lanes: Words = None, points: Path | None = None, speed: float | None = None, allow_overlap: bool = False,
    quiet: bool = False,
) -> None:  # fmt: skip
    """Let the ego drive otherwise: beside its path, slower or faster, or on a new path. Recorded images are left out.

    Args:
        source: Scenario file, or folder of a log.
        out: Scenario file to write, .json or .json.gz.
        left: Metres to the left of its path; negative to the right.
        pace: Times its speed; above 1 the scenario ends earlier.
        lanes: New path: lane ids, one after the other.
        points: New path: JSON file with a list of [x, y] or [x, y, z], metres in the scenario's world.
        speed: On a new path, metres a second, 8 without it; slower in bends.
        allow_overlap: Let it drive into others.
        quiet: Print nothing but errors.
    """
    with output_file(out, *ENDINGS):
        from everroad.scenario.edit import ego_path

        ways = {"--left": left, "--pace": pace, "--lanes": lanes, "--points": points}
        given = [way for way, value in ways.items() if value is not None]
        if not given or (len(given) > 1 and given != ["--left", "--pace"]):
            raise ValueError(f"{', '.join(ways)}: expected one of them (or the first two), got {len(given)}; say which path")
        if speed is not None and lanes is None and points is None:
            raise ValueError(f"--speed: expected it with --lanes or --points alone, got {speed:g} with {given[0]}; use --pace")
        speed = 8.0 if speed is None else speed
        edited = _read(source, out)
        free = {"allow_overlap": allow_overlap}
        if lanes is not None:
            edited = ego_path.route_ego(edited, ego_path.lane_path(edited, tuple(lanes)), speed, **free)
        elif points is not None:
            edited = ego_path.route_ego(edited, ego_path.read_points(points, edited), speed, **free)
        else:
            both = left is not None and pace is not None
            edited = ego_path.shift_ego(edited, left or 0.0, allow_overlap=allow_overlap or both)
            edited = ego_path.pace_ego(edited, 1.0 if pace is None else pace, **free)
        _write(edited, out, quiet)


@scenario_app.command
def look(
    source: Path, /, *, out: Path, weather: Literal["clear", "overcast", "rain", "fog"] | None = None,
    time_of_day: Literal["day", "dusk", "night"] | None = None, appearance: Seed | None = None, rig: str | None = None,
    quiet: bool = False,
) -> None:  # fmt: skip
    """Change weather, time of day, appearance or cameras.

    Args:
        source: Scenario file, or folder of a log.
        out: Scenario file to write, .json or .json.gz.
        weather: New weather.
        time_of_day: New time of day.
        appearance: New appearance seed: other houses, colours and trees.
        rig: Named camera rig: nuscenes-front or nuscenes-6.
        quiet: Print nothing but errors.
    """
    with output_file(out, *ENDINGS):
        from everroad.scenario.edit.look import with_look
        from everroad.scenario.rigs import with_rig

        if weather is None and time_of_day is None and appearance is None and rig is None:
            raise ValueError(f"{', '.join(LOOKS)}: expected one of them at least, got none; say what to change")
        edited = with_look(_read(source, out), weather, time_of_day, appearance)
        _write(edited if rig is None else with_rig(edited, rig), out, quiet)


@scenario_app.command
def cut(source: Path, /, *, out: Path, from_s: float | None = None, to_s: float | None = None, quiet: bool = False) -> None:
    """Cut a piece out of a scenario in time.

    Args:
        source: Scenario file, or folder of a log.
        out: Scenario file to write, .json or .json.gz.
        from_s: Where it begins, seconds; the beginning without it.
        to_s: Where it ends, seconds; the end without it.
        quiet: Print nothing but errors.
    """
    with output_file(out, *ENDINGS):
        from everroad.scenario.edit.time import cut_seconds

        if from_s is None and to_s is None:
            raise ValueError("--from-s, --to-s: expected one of them at least, got none; say what to keep")
        whole = _read(source, out)
        _write(cut_seconds(whole, from_s or 0.0, float(whole.time_s[-1]) if to_s is None else to_s), out, quiet)


@scenario_app.command
def join(first: Path, second: Path, /, *, out: Path, no_move: bool = False, quiet: bool = False) -> None:
    """Join two scenarios in time; the second is moved so that it goes on where the first ends.

    Args:
        first: Scenario file, or folder of a log.
        second: Another; its first frame is the first one's last.
        out: Scenario file to write, .json or .json.gz.
        no_move: Refuse a second one that starts elsewhere.
        quiet: Print nothing but errors.
    """
    with output_file(out, *ENDINGS):
        from everroad.scenario.edit.join import join as joined

        _write(joined(_read(first, out), _read(second, out), move=not no_move), out, quiet)


@event_app.default
def event(
    name: str | None = None, /, *_: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)], list: bool = False
) -> None:
    """Stage a dangerous event; each is a command of its own with its parameters (everroad scenario event NAME --help).

    Args:
        name: One of the events.
        list: Print the events.
    """
    if name is not None:
        get_event(name)
    if not list:
        raise ValueError(f"event: expected a name ({', '.join(EVENTS)}) or --list, got none; name one")
    width = max(map(len, EVENTS))
    for known, row in EVENTS.items():
        print(f"{known:{width}}  {row.what.replace('``', '')} [NHTSA {row.typology}]")


def _add_event(name: str) -> None:
    kind = EVENTS[name].parameters

    def command(
        *, out: Path, seed: Seed | None = None, into: Path | None = None, seconds: float | None = None,
        parameters: Parameters = kind(), quiet: bool = False,  # noqa: B008 (frozen)
    ) -> None:  # fmt: skip
        with output_file(out, *ENDINGS):
            if (seed is None) == (into is None):
                raise ValueError("--seed, --into: expected one of them, got both or none; say where to stage it")
            if into is not None and seconds is not None:
                raise ValueError(f"--seconds: expected it with --seed alone, got {seconds:g} with --into; drop it")
            from everroad.scenario.events.stage import stage, stage_in_town

            if seed is not None:
                staged = stage_in_town(
                    name, seed, parameters, seconds=20.0 if seconds is None else seconds, frame_rate_hz=TOWN_RATE_HZ
                )
            else:
                staged = stage(name, _read(into or Path(), out), parameters)
            _write(staged.scenario, out, quiet, staged.said)

    command.__doc__ = f"""{kind.__doc__}

    NHTSA's pre-crash scenario {EVENTS[name].typology}.

    Args:
        out: Scenario file to write, .json or .json.gz.
        seed: In the town of this seed.
        into: In this scenario file, or log.
        seconds: With --seed: length of the drive, 20 without it.
        quiet: Print nothing but errors.
    """
    command.__annotations__["parameters"] = Annotated[kind, Parameter(name="*")]
    event_app.command(command, name=name)


for _name in EVENTS:
    _add_event(_name)
