"""What is said of a model and what it shows, settled into a card and a decoder."""
