"""How sure a number is: intervals, tests, and comparisons that hold together."""
