"""From records to rankings and comparisons. Reads records only: no model, no data, no suite."""
