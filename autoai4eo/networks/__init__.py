"""Tools for a network: graph, fingerprint, dense and compiled form, files."""
