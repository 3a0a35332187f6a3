"""Distances between two sets of features: Fréchet and kernel, with what their intervals over towns need."""
