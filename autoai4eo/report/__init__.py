"""What a search looks like: plots and pages."""
