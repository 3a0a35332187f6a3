"""Detection metrics of nuScenes: average precision by centre distance, true positive errors, NDS, with intervals over towns."""
