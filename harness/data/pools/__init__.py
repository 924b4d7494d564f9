"""Pools: inputs, labels and the fingerprint that names them. Knows forms of data, not data sets."""
