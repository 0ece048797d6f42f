"""Strategies, quantizers and models compared with each other."""
