"""Pretrained weights: catalogue, files, adaptation to other bands."""
