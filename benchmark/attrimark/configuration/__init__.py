"""`benchmarks.toml`, read."""
