"""Data sets: facts, getting the files, and their parts as pools. Knows no split and no suite."""
