"""What is stored of suites, and what is read of it."""
