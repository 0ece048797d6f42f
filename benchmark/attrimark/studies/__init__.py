"""What results mean: one folder a study."""
