"""Explanations and tables as characters and pictures."""
