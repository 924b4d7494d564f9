"""The store: trained states, evidence and results under their keys. Knows no suite."""
