"""Metrics of rationales of several lengths, as curves."""
