"""Cells of small operations, as differentiable searches find them."""
