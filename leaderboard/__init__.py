"""The board: renders what the command line also says."""
