"""From a split id and labels to what a model may train on: rows, observed labels. No files."""
