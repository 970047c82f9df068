"""The arithmetic of a frame: preprocessing, quantisation, suppression, masks."""
