"""How results were computed, and what computes them again."""
