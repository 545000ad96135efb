"""Exports of a network: formats, metadata, model card."""
