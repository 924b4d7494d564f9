"""A package from outside, as a stranger would write one: trainers of numpy's size."""
