"""Text as a terminal may show it: what texts, names and messages hold does not command it."""
