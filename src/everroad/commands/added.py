"""What the options of ``everroad scenario add-actor`` mean together: the place and the behaviour. None may be left unused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from everroad.scenario.edit.behaviours import Behaviour
    from everroad.scenario.edit.placing import Place

Behaves = Literal["parked", "cruise", "cut-in", "brake-hard", "cross"]
Side = Literal["ego", "left", "right", "oncoming"]
TAKES: dict[Behaves, tuple[str, ...]] = {
    "parked": (),
    "cruise": ("--speed",),
    "cut-in": ("--at", "--speed", "--towards"),
    "brake-hard": ("--at", "--speed"),
    "cross": ("--at", "--speed", "--towards"),
}


def behaviour_of(
    name: Behaves, at_s: float | None, speed_mps: float | None, towards: Literal["left", "right"] | None, side: Side | None,
    category: str,
) -> Behaviour:  # fmt: skip
    """The behaviour of that name. Raises ``ValueError`` for an option that it has no use for, and for senseless values."""
    for option, value in {"--at": at_s, "--speed": speed_mps, "--towards": towards}.items():
        if value is not None and option not in TAKES[name]:
            takes = " and ".join(TAKES[name]) or "neither --at, --speed nor --towards"
            raise ValueError(f"{option}: expected none, since {name} takes {takes}, got {value}; drop it")
    from everroad.scenario.edit import behaviours

    pace: dict[str, Any] = {} if speed_mps is None else {"speed_mps": speed_mps}
    at_s = 0.0 if at_s is None else at_s
    match name:
        case "parked":
            return behaviours.Parked()
        case "cruise":
            return behaviours.Cruise(**pace)
        case "cut-in":
            return behaviours.CutIn(at_s, towards or ("right" if side == "left" else "left"), **pace)
        case "brake-hard":
            return behaviours.BrakeHard(at_s, **pace)
        case "cross":
            usual = {} if category.startswith("human.") else {"speed_mps": behaviours.DEFAULT_SPEED_MPS}
            return behaviours.Cross(at_s, side=towards or "right", **(usual | pace))


def place_of(
    lane: str | None, along_m: float | None, ahead_m: float | None, side: Side | None, left_m: float, at_s: float
) -> Place:
    """The place on a lane, or near the ego at a time. Raises ``ValueError`` for both or neither, and for an option of the other
    kind of place."""
    if (lane is None) == (ahead_m is None):
        raise ValueError("--lane, --ahead: expected one of them, got both or none; say where to put it")
    from everroad.scenario.edit.placing import NearEgo, OnLane

    if ahead_m is None:
        if side is not None:
            raise ValueError(f"--side: expected it with --ahead alone, got {side} with --lane; drop it")
        return OnLane(lane or "", along_m or 0.0, left_m)
    if along_m is not None:
        raise ValueError(f"--along: expected it with --lane alone, got {along_m:g} with --ahead; drop it")
    return NearEgo(ahead_m, side or "ego", at_s, left_m)
