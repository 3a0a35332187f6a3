"""The ten events by name: what happens, which pre-crash scenario of NHTSA's typology each stands for, and its parameters.

The typology: W. G. Najm, J. D. Smith, M. Yanagisawa, "Pre-Crash Scenario Typology for Crash Avoidance Research", DOT HS
810 767, National Highway Traffic Safety Administration, 2007. Its 37 scenarios are given with their numbers and names.
Nothing here needs NumPy, so that the command line's help stays quick.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from typing import Literal, NamedTuple

# Least and most of every parameter, with its unit (ours).
RANGES: dict[str, tuple[float, float, str]] = {
    "at_s": (0.0, 86_400.0, "s"),
    "ttc_s": (0.3, 6.0, "s"),
    "margin_s": (0.2, 6.0, "s"),
    "closing_mps": (1.0, 15.0, "m/s"),
    "speed_mps": (0.5, 30.0, "m/s"),
    "over_s": (1.0, 6.0, "s"),
    "reaction_s": (0.0, 3.0, "s"),
    "braking_mps2": (2.0, 9.0, "m/s^2"),
    "ego_braking_mps2": (2.0, 9.0, "m/s^2"),
    "pull_out_mps2": (0.5, 5.0, "m/s^2"),
    "aside_m": (1.5, 6.0, "m"),
    "intrusion_m": (0.1, 1.5, "m"),
    "start_m": (2.0, 20.0, "m"),
}


@dataclass(frozen=True)
class Parameters:
    """What all events have."""

    at_s: float | None = None
    "When it comes to a head, s; without it, the first time that fits."

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in RANGES and value is not None:
                least, most, unit = RANGES[item.name]
                if not (isfinite(value) and least <= value <= most):
                    raise ValueError(f"{item.name}: expected {least:g} to {most:g} {unit}, got {value:g}; name another")


@dataclass(frozen=True)
class CutIn(Parameters):
    """A car in the next lane falls back towards the ego's pace too late, and changes into its lane close ahead.

    It comes in ``closing_mps`` slower than the ego and then speeds up again at 2 m/s^2, so that the least time to collision is
    ``ttc_s``. The ego drives as it did.
    """

    ttc_s: float = 1.5
    "Least time to collision, s."
    closing_mps: float = 4.0
    "How much slower than the ego it comes in, m/s."
    over_s: float = 2.5
    "How long the change of lanes takes, s."
    side: Literal["left", "right", "either"] = "either"
    "The side it comes from."


@dataclass(frozen=True)
class HardBrake(Parameters):
    """The car that the ego follows brakes to a stop; the ego brakes after its reaction time and stops close behind.

    The gap before is the one at which the least time to collision is ``ttc_s``.
    """

    ttc_s: float = 0.9
    "Least time to collision, s."
    braking_mps2: float = 6.0
    "How hard the car ahead brakes, m/s^2."
    reaction_s: float = 1.0
    "How much later the ego brakes, s."
    ego_braking_mps2: float = 6.0
    "How hard the ego brakes, m/s^2."


@dataclass(frozen=True)
class StoppedLead(Parameters):
    """A car stands in the ego's lane; the ego brakes late and stops close behind it."""

    ttc_s: float = 0.9
    "Least time to collision, s."
    ego_braking_mps2: float = 6.0
    "How hard the ego brakes, m/s^2."


@dataclass(frozen=True)
class PullOut(Parameters):
    """A car that is parked beside the ego's lane pulls out close ahead of the ego. The ego drives as it did."""

    ttc_s: float = 1.5
    "Least time to collision, s."
    pull_out_mps2: float = 2.5
    "How fast it gets going, m/s^2."
    aside_m: float = 3.0
    "How far its middle is to the right of the ego's lane's, m."


@dataclass(frozen=True)
class OncomingDrift(Parameters):
    """An oncoming car drifts into the ego's lane, and swerves back ``ttc_s`` before the two would meet."""

    ttc_s: float = 2.2
    "Time to collision when it swerves back, s."
    speed_mps: float = 11.0
    "Its speed, m/s."
    intrusion_m: float = 0.6
    "How far its side comes past the ego's, m."
    over_s: float = 1.9
    "How long coming over and swerving back take each, s."


@dataclass(frozen=True)
class PedestrianCrossing(Parameters):
    """A pedestrian crosses in front of the ego and is out of its way ``margin_s`` before it comes. The ego drives as it did."""

    margin_s: float = 0.8
    "Between its leaving the ego's way and the ego's coming (post-encroachment time), s."
    speed_mps: float = 1.8
    "Its speed, m/s."
    start_m: float = 5.5
    "How far from the middle of the ego's way it starts and ends, m."
    side: Literal["left", "right"] = "right"
    "The side it comes from."


@dataclass(frozen=True)
class CyclistCrossing(PedestrianCrossing):
    """A cyclist crosses in front of the ego and is out of its way ``margin_s`` before it comes. The ego drives as it did."""

    speed_mps: float = 4.0
    "Its speed, m/s."
    start_m: float = 7.0
    "How far from the middle of the ego's way it starts and ends, m."


@dataclass(frozen=True)
class LeftTurnAcross(Parameters):
    """An oncoming car turns left across the ego's way at a junction, out of it ``margin_s`` before the ego comes."""

    margin_s: float = 0.8
    "Between its leaving the ego's way and the ego's coming (post-encroachment time), s."
    speed_mps: float = 6.0
    "Its speed in the turn, m/s."


@dataclass(frozen=True)
class RedLight(Parameters):
    """A car from the side runs a red light across the ego's way, out of it ``margin_s`` before the ego comes."""

    margin_s: float = 0.8
    "Between its leaving the ego's way and the ego's coming (post-encroachment time), s."
    speed_mps: float = 11.0
    "Its speed, m/s."


@dataclass(frozen=True)
class CrossingPath(Parameters):
    """A car from the side crosses the ego's way at a junction without signals, out of it ``margin_s`` before the ego comes."""

    margin_s: float = 0.8
    "Between its leaving the ego's way and the ego's coming (post-encroachment time), s."
    speed_mps: float = 9.0
    "Its speed, m/s."


class Event(NamedTuple):
    """One row of the library: its parameters, and number and name in the typology (several where it depends on the place)."""

    parameters: type[Parameters]
    typology: str

    @property
    def what(self) -> str:
        """What happens, in a sentence."""
        return (self.parameters.__doc__ or "").split("\n\n")[0]


EVENTS: dict[str, Event] = {
    "cut-in": Event(CutIn, "18 Vehicle(s) Changing Lanes - Same Direction"),
    "hard-brake": Event(HardBrake, "25 Lead Vehicle Decelerating"),
    "stopped-lead": Event(StoppedLead, "26 Lead Vehicle Stopped"),
    "pull-out": Event(PullOut, "17 Vehicle(s) Parking - Same Direction"),
    "oncoming-drift": Event(OncomingDrift, "21 Vehicle(s) Not Making a Maneuver - Opposite Direction"),
    "pedestrian-crossing": Event(PedestrianCrossing, "12 Pedestrian Crash Without Prior Vehicle Maneuver"),
    "cyclist-crossing": Event(CyclistCrossing, "14 Pedalcyclist Crash Without Prior Vehicle Maneuver"),
    "left-turn-across": Event(LeftTurnAcross, "27, 29 Left Turn Across Path From Opposite Directions"),
    "red-light": Event(RedLight, "4 Running Red Light"),
    "crossing-path": Event(CrossingPath, "30 Straight Crossing Paths at Non-Signalized Junctions"),
}


def get_event(name: str) -> Event:
    """The event of that name. Raises ``ValueError`` with a near match for an unknown one."""
    if name not in EVENTS:
        import difflib

        near = difflib.get_close_matches(name, EVENTS, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise ValueError(f"event: expected one of the ten, got '{name}'; {hint}everroad scenario event --list lists them")
    return EVENTS[name]
