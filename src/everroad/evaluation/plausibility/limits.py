"""What a road user can do and what a passenger bears, each number with its source. Limits are of magnitudes unless they are
named ``least``.

*Comfort* of the ego is nuPlan's (``ego_is_comfortable`` of nuplan-devkit; Karnchanachari et al., "Towards learning-based
planning: the nuPlan benchmark", ICRA 2024), whose limits are those of its recorded expert drivers: longitudinal acceleration
-4.05 to 2.40 m/s², lateral 4.89 m/s², yaw rate 0.95 rad/s, yaw acceleration 1.93 rad/s², longitudinal jerk 4.13 m/s³ and the
whole jerk 8.37 m/s³.

*Feasible* for a vehicle is what the vehicle parameters of CommonRoad allow (Althoff, Koschi, Manzinger: "CommonRoad: composable
benchmarks for motion planning on roads", IV 2017; vehicle 2, a BMW 320i): 50.8 m/s, and 11.5 m/s² in all directions together
(the friction circle). Yaw rate and jerk have no limit there; ours are 1.5 rad/s and 30 m/s³, about what a full brake takes to
build up (0.4 s).

*Feasible* for who walks is ours: 12.5 m/s and 10 m/s², the fastest sprint (12.4 m/s) and its start; 60 m/s³; people turn as
they like. Riders of bicycles and motorcycles count as vehicles.

The least *time gap* is that which automated lane keeping must keep at walking pace, 1 s (UN Regulation 157, 5.2.3.3); people
are taught 2 s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of motion; infinite where there is none."""

    speed_mps: float = math.inf
    acceleration_mps2: float = math.inf
    least_longitudinal_mps2: float = -math.inf
    longitudinal_mps2: float = math.inf
    lateral_mps2: float = math.inf
    longitudinal_jerk_mps3: float = math.inf
    jerk_mps3: float = math.inf
    yaw_rate_radps: float = math.inf
    yaw_acceleration_radps2: float = math.inf


COMFORT = Limits(
    least_longitudinal_mps2=-4.05,
    longitudinal_mps2=2.40,
    lateral_mps2=4.89,
    longitudinal_jerk_mps3=4.13,
    jerk_mps3=8.37,
    yaw_rate_radps=0.95,
    yaw_acceleration_radps2=1.93,
)
FEASIBLE_VEHICLE = Limits(speed_mps=50.8, acceleration_mps2=11.5, jerk_mps3=30.0, yaw_rate_radps=1.5)
FEASIBLE_WALKER = Limits(speed_mps=12.5, acceleration_mps2=10.0, jerk_mps3=60.0)

LEAST_TIME_GAP_S = 1.0
TAUGHT_TIME_GAP_S = 2.0
