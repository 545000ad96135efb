"""Decoders: from a feature pyramid to features for each pixel."""
