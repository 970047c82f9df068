"""How fast models are on this machine, side by side."""
