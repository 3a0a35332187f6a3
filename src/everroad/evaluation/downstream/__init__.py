"""Is generated video of use to a detector: trained on it, on the painter's pictures, on both, and scored on the painter's."""
