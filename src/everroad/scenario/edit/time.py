"""Cut a scenario in time."""

from __future__ import annotations

from dataclasses import replace

from everroad.scenario.types import Actor, Poses, Scenario

NANOSECONDS = 1_000_000_000


def cut(scenario: Scenario, first: int, last: int) -> Scenario:
    """Frames ``first`` to ``last``, both with; time begins at 0 again and the start stamp moves along.

    Actors that are seen in none of them go; recorded images and signal states are those of the frames. All frames give the
    scenario itself. Raises ``ValueError`` for frames that there are not.
    """
    if not 0 <= first <= last < len(scenario):
        got = f"{first} to {last}"
        raise ValueError(f"frames: expected a first and a last one within 0 to {len(scenario) - 1}, got {got}; name others")
    if (first, last) == (0, len(scenario) - 1):
        return scenario
    span = slice(first, last + 1)
    return replace(
        scenario,
        time_s=scenario.time_s[span] - scenario.time_s[first],
        world_from_ego=cut_poses(scenario.world_from_ego, span),
        actors=tuple(_cut_actor(actor, span) for actor in scenario.actors if actor.valid[span].any()),
        signals=tuple(replace(signal, states=signal.states[span]) for signal in scenario.signals),
        images={camera: paths[span] for camera, paths in scenario.images.items()},
        start_stamp_ns=scenario.start_stamp_ns + round(float(scenario.time_s[first]) * NANOSECONDS),
    )


def cut_seconds(scenario: Scenario, from_s: float, to_s: float) -> Scenario:
    """The frames from one time to another, as ``cut`` does. Raises ``ValueError`` for times without a frame between them."""
    inside = [i for i, at_s in enumerate(scenario.time_s.tolist()) if from_s - 1e-6 <= at_s <= to_s + 1e-6]
    end = float(scenario.time_s[-1])
    if not (0 <= from_s <= to_s <= end + 1e-6 and inside):
        raise ValueError(
            f"seconds: expected a span with a frame in it within 0 to {end:g}, got {from_s:g} to {to_s:g}; name another"
        )
    return cut(scenario, inside[0], inside[-1])


def cut_poses(poses: Poses, span: slice) -> Poses:
    """The poses of some frames."""
    return Poses(poses.translation_m[span], poses.rotation_wxyz[span])


def _cut_actor(actor: Actor, span: slice) -> Actor:
    return replace(
        actor,
        poses=cut_poses(actor.poses, span),
        valid=actor.valid[span],
        velocity_mps=None if actor.velocity_mps is None else actor.velocity_mps[span],
        attributes=None if actor.attributes is None else actor.attributes[span],
    )
