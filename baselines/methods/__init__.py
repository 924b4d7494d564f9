"""Methods, one family a file; the list of all of them is `harness.models.methods`."""
