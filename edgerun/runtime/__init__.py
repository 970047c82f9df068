"""Which runtime opens a file, and on which delegate."""
