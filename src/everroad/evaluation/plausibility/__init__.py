"""Plausibility of what is driven: speeds, accelerations, jerk, collisions, driving off the road and distances, of trajectories."""
