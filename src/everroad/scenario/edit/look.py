"""Weather, time of day and appearance."""

from __future__ import annotations

from dataclasses import replace

from everroad.scenario.types import Scenario, TimeOfDay, Weather


def with_look(
    scenario: Scenario,
    weather: Weather | None = None,
    time_of_day: TimeOfDay | None = None,
    appearance_seed: int | None = None,
) -> Scenario:
    """The scenario under another sky, or with other houses, colours and trees; ``None`` leaves a thing as it is.

    Recorded images go where weather or time of day change, since they show the old ones. Raises ``ValueError`` for a weather or
    a time of day that there is not, and for a seed beyond 63 bits or below 0.
    """
    if appearance_seed is not None and not 0 <= appearance_seed < 2**63:
        got = str(appearance_seed)[:40]
        raise ValueError(f"appearance: expected a whole number from 0 to {2**63 - 1}, got {got}; name another")
    changed = replace(
        scenario,
        weather=scenario.weather if weather is None else weather,
        time_of_day=scenario.time_of_day if time_of_day is None else time_of_day,
        appearance_seed=scenario.appearance_seed if appearance_seed is None else appearance_seed,
    )
    same_sky = (changed.weather, changed.time_of_day) == (scenario.weather, scenario.time_of_day)
    return changed if same_sky else replace(changed, images={})
