"""From a path to a file and its format, by its bytes."""
