"""From one job's predictions to its results: arithmetic on evidence, never a model."""
