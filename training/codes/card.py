"""What every reader of the model file must know; `export.py` writes it into the file."""

LABELS = ("qr_code", "data_matrix", "aztec", "pdf417")
SIDE = 320  # px, of the square input
FILL = 114  # tone of the letterbox's bars
CONFIDENCE = 0.5  # default threshold; edgerun/models/codes.md has the figures round it
IOU = 0.5  # of non-maximum suppression, across labels: two codes never lie in one place

CARD: dict[str, object] = {
    "edgerun": 1,
    "task": "detect",
    "decoder": "yolov8",
    "labels": list(LABELS),
    "height": SIDE,
    "width": SIDE,
    "resize": "letterbox",
    "fill": [FILL] * 3,
    "color": "rgb",
    "scale": 1 / 255,
    "mean": [0, 0, 0],
    "std": [1, 1, 1],
    "box_units": "pixels",
    "suppressed": False,
    "conf": CONFIDENCE,
    "iou": IOU,
    "nms": "agnostic",
}
