"""Backbones: the body of a network."""
