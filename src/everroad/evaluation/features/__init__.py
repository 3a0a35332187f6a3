"""The feature network that ships: town-FID and town-FVD are distances of what it sees, and of nothing else."""
