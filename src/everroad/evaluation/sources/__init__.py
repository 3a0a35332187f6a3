"""What makes the pictures that are measured: models, recorded videos, the painter."""
