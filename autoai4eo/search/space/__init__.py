"""What can be proposed."""
