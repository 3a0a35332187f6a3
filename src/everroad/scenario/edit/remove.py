"""Remove actors by id or by class."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from everroad.scenario.types import Actor, Scenario


def remove(scenario: Scenario, ids: Sequence[str] = (), classes: Sequence[str] = ()) -> Scenario:
    """The scenario without the actors that one of the patterns names; everything else stays.

    Args:
        scenario: any scenario.
        ids: track ids; ``*``, ``?`` and ``[...]`` stand for others as in file names.
        classes: nuScenes detection classes, categories or the source's own categories, with the same wildcards.

    Raises ``ValueError`` for a pattern that names nobody, with a near match.
    """
    gone: set[str] = set()
    for pattern in ids:
        found = {actor.track_id for actor in scenario.actors if fnmatchcase(actor.track_id, pattern)}
        gone |= found or _refuse("track id", pattern, [actor.track_id for actor in scenario.actors])
    for pattern in classes:
        found = {actor.track_id for actor in scenario.actors if any(fnmatchcase(name, pattern) for name in _classes(actor))}
        gone |= found or _refuse("class", pattern, sorted({name for actor in scenario.actors for name in _classes(actor)}))
    return replace(scenario, actors=tuple(actor for actor in scenario.actors if actor.track_id not in gone))


def _classes(actor: Actor) -> list[str]:
    return [name for name in (actor.detection_class, actor.category, actor.source_category) if name]


def _refuse(what: str, pattern: str, known: list[str]) -> set[str]:
    near = difflib.get_close_matches(pattern, known, n=1)
    hint = (
        f"did you mean '{near[0]}'?"
        if near
        else f"there are {', '.join(known[:4]) or 'none'}{', ...' if len(known) > 4 else ''}"
    )
    raise ValueError(f"{what}: expected that of an actor of the scenario, got '{pattern}'; {hint}")
