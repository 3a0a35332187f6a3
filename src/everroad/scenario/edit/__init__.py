"""Edits: pure functions from scenario to scenario."""
