"""What one can do with a detector; one file or folder per command."""
