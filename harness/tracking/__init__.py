"""The MLflow mirror of records: can be rebuilt from them at any time and is never read as truth."""
