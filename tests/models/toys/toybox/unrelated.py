"""A module that nothing imports: changing it changes no key."""
