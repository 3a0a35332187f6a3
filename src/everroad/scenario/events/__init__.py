"""A library of ten dangerous events, staged in a given scenario or in a town of a seed."""
