"""What is asked: matrices of everything that is crossed, written out as cells."""
