"""Sections of the report, one file a kind of task."""
