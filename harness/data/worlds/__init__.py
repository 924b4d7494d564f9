"""What test data can be besides like the training data: shifted, corrupted, relabelled."""
