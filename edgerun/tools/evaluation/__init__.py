"""How right a model is on labelled images, and why it is not wholly right."""
