"""nuScenes and every data set in its format: read by tables, index, scene and map of our own (docs/nuscenes.md)."""
