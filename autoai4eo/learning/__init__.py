"""What is learnt and how it is judged: training, losses, metrics, evaluation."""
