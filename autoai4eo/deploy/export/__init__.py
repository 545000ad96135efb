"""Exports: formats, metadata, model card."""
