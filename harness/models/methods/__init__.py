"""The methods a card can name, their configuration and the identity of their code; runs none."""
