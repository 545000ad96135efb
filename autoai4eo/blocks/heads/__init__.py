"""Heads: what turns features into an answer."""
