"""Everroad: driving scenarios in, endless camera video out, one frame at a time."""

__version__ = "0.1.0"
