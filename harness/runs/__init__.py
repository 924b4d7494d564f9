"""From a plan to a ranking."""
