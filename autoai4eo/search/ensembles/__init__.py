"""Ensembles of the networks that a search trained, within a budget of costs."""
