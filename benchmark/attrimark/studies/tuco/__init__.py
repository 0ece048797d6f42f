"""What fine-tuning contributes to responses."""
