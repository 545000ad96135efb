"""Weights that others trained: catalogue, files, adaptation to other bands."""
