"""Ways in for trained models: one file a format, all in the table `LOADERS`."""
