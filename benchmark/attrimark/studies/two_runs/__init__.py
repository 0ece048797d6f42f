"""Two runs of the same cells, compared."""
