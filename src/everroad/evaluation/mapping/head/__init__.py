"""A small vectorised map head after MapTR: are map elements seen where the map has them?"""
