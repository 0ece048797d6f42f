"""What the suite repeats of a study, and what was predicted before it ran."""
