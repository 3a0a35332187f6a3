from __future__ import annotations

import pytest

from everroad.scenario.nuscenes.description import time_of_day_of, weather_of


@pytest.mark.parametrize(
    ("description", "weather", "time_of_day"),
    [
        ("Parked truck, construction, intersection, turn left, following a van", None, "day"),
        ("Night, big street, bus stop, high speed, construction vehicle", None, "night"),
        ("Heavy rain, traffic lights, bus", "rain", "day"),
        ("Rain, night, difficult lighting", "rain", "night"),
        ("Night, after rain, many cars", None, "night"),
        ("No rain, train station, terrain, clear road ahead", None, "day"),
        ("Light rain after rain", "rain", "day"),
        ("Everroad town 7, clear, dusk", "clear", "dusk"),
        ("overcast day", "overcast", "day"),
        ("Dense fog at dawn", "fog", "dusk"),
        ("Clear", "clear", "day"),
        ("fog, time of day unknown, video scenario night-drive", "fog", None),
        ("", None, None),
    ],
)
def test_words(description, weather, time_of_day):
    assert weather_of(description) == weather
    assert time_of_day_of(description) == time_of_day
