"""Trials: each builds, measures and trains one candidate."""
