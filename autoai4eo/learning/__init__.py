"""Training and evaluation: tasks, losses, metrics, scores."""
