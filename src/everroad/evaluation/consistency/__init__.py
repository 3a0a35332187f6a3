"""Consistency of video with itself: warp error, flicker, identity, overlap of cameras, and the ego motion that it shows."""
