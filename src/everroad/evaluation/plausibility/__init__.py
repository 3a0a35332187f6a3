"""Plausibility of what is driven: speeds, accelerations, jerk, collisions, leaving the road and gaps."""
