"""What seeds, strategies and quantizers do to models and explanations."""
