"""A network as such: its graph, fingerprint, dense form, compiled form, files."""
