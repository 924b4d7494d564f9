"""Baselines: one training loop, recipes, and methods small enough to read side by side."""
