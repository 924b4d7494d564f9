"""Cards: what an entry says of itself, read strictly. Runs nothing that a card names."""
