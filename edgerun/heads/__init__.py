"""What detection heads have in common: grids, anchors, box formats, scores. Families are made of these."""
