"""What the commands say of a scenario in their closing lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from everroad.scenario.types import Scenario


def frames_of(scenario: Scenario) -> str:
    """ "1 frame", "240 frames"."""
    from everroad.export.summary import counted

    return counted(len(scenario), "frame")


def actors_of(scenario: Scenario) -> str:
    """How many, or "actors unknown" where nobody looked for them."""
    from everroad.export.summary import counted

    if not scenario.actors and not scenario.actors_known:
        return "actors unknown"
    return counted(len(scenario.actors), "actor")


def look_of(scenario: Scenario) -> str:
    """Weather and time of day, as far as they are known."""
    return " ".join(word for word in (scenario.weather, scenario.time_of_day) if word) or "no weather known"
