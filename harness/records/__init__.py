"""Record files and how far to trust them: reading, writing, submitting. Never looks a suite up."""
