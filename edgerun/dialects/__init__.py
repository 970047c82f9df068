"""One exporter's way of describing its models per file."""
