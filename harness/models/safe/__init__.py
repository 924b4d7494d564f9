"""Arrays and weights from files that nobody vouches for: sizes are checked before reading."""
