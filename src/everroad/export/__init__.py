"""Back into data sets: scenarios and their pictures as a nuScenes-format data set, COCO, KITTI, depth and instance pictures."""
