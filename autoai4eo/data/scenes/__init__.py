"""Scenes: rasters of any size that are mapped or cut into patches."""
