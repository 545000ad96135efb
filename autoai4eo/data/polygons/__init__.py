"""Training data from labels of one's own: polygons and points beside scenes."""
