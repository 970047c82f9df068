"""Files that dialects read: labels, siblings of a model, YAML and text protobufs within bounds."""
