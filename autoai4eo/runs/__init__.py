"""The record of a search: its folder, study, storage and front."""
