"""Masks: a class for each pixel of a sample, from files or arrays."""
