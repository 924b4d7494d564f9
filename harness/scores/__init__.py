"""Arithmetic on evidence: OOD scores and post-hoc corrections."""
