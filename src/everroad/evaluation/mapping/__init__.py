"""Average precision of map elements by Chamfer distance (the protocol of MapTR), with intervals over towns."""
