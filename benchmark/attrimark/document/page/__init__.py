"""Sections as one page of HTML: no other file, no network."""
