"""Weather and time of day in the words of a scene's description."""

from __future__ import annotations

import re

from everroad.scenario.types import TimeOfDay, Weather

# nuScenes' authors write "Rain" and "Night" where there was, and "after rain" where there had been. They never say that it was
# clear or overcast, so without these words of others the weather stays unknown. The day is what they leave unsaid.
_NO_RAIN = re.compile(r"\b(after|no|without|before)( the)?( heavy| light)? rain\w*")
_WEATHERS: tuple[tuple[re.Pattern[str], Weather], ...] = (
    (re.compile(r"\b(rain(y|ing|fall)?|drizzle|shower)\b"), "rain"),
    (re.compile(r"\b(fog(gy)?|mist(y)?)\b"), "fog"),
    (re.compile(r"\b(overcast|cloudy|clouds)\b"), "overcast"),
    # "clear" alone, since a road may be clear, too.
    (re.compile(r"\b(sunny|sunshine|clear (sky|skies|weather|day|night|dusk))\b|(^|[,;])\s*clear\s*($|[,;])"), "clear"),
)
_NIGHT = re.compile(r"\bnight(time)?\b")
_UNKNOWN = "time of day unknown"  # what the exporter writes
_DUSK = re.compile(r"\b(dusk|dawn|twilight|sunset|sunrise)\b")


def weather_of(description: str) -> Weather | None:
    """The weather that a description names; ``None`` where it names none."""
    text = _NO_RAIN.sub(" ", description.lower())
    return next((weather for words, weather in _WEATHERS if words.search(text)), None)


def time_of_day_of(description: str) -> TimeOfDay | None:
    """Night or dusk where a description says so, else day; ``None`` for an empty one, or one that says that it is unknown."""
    text = description.lower()
    if not text.strip() or _UNKNOWN in text:
        return None
    return "night" if _NIGHT.search(text) else "dusk" if _DUSK.search(text) else "day"
