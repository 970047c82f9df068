from __future__ import annotations

import pytest

from edgerun.errors import CardInvalid

PPYOLOE = """\
mode: paddle
draw_threshold: 0.5
metric: COCO
use_dynamic_shape: false
arch: YOLO
min_subgraph_size: 3
Preprocess:
- interp: 2
  keep_ratio: false
  target_size: &id001
  - 64
  - 96
  type: Resize
- mean:
  - 0.0
  - 0.0
  - 0.0
  norm_type: none
  std:
  - 1.0
  - 1.0
  - 1.0
  type: NormalizeImage
- type: Permute
label_list:
- red
- green
- blue
"""
"""As PaddleDetection dumps it, and an alias as PyYAML makes them."""


def config(*steps, more=""):
    return {"infer_cfg.yml": "draw_threshold: 0.5\nPreprocess:\n" + "".join(f"- {{{step}}}\n" for step in steps) +
            "label_list: [cat, dog]\n" + more}  # fmt: skip


RESIZE = "type: Resize, target_size: [640, 480], keep_ratio: true, interp: 1"
IMAGENET = "type: NormalizeImage, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], is_scale: true"


def test_a_model_is_fed_as_its_preprocess_says(finds):
    card = finds({"infer_cfg.yml": PPYOLOE})
    assert (card.resize, card.labels, card.conf) == ("stretch", ("red", "green", "blue"), 0.5)
    assert card.source("scale") == "paddle metadata"


def test_without_a_normalisation_it_is_in_the_graph(finds):
    fused = PPYOLOE[: PPYOLOE.index("- mean:")] + PPYOLOE[PPYOLOE.index("- type: Permute") :]
    assert finds({"infer_cfg.yml": fused}, scale=255.0).scale == 1.0


def test_a_share_is_made_before_means_are_subtracted(gathered):
    card = gathered(config(RESIZE, IMAGENET, "type: Permute"))
    assert (card.scale, card.mean, card.color) == (1 / 255, (0.485, 0.456, 0.406), "rgb")
    card = gathered(config(RESIZE, IMAGENET.replace("true", "false"), "type: Permute, to_bgr: true"))
    assert (card.scale, card.color) == (1.0, "bgr")


def test_sizes_are_height_then_width_and_padded_to_a_stride(gathered):
    card = gathered(
        config(RESIZE.replace("640, 480", "800, 1333"), IMAGENET, "type: Permute", "type: PadStride, stride: 32")
    )
    assert (card.resize, card.height, card.width) == ("letterbox-topleft", 800, 1344)
    assert card.fill == (124, 116, 104), "nought after the normalisation"


def test_a_border_before_the_normalisation_has_its_own_colour(gathered):
    card = gathered(config(RESIZE, "type: Pad, size: [640, 640], fill_value: [114.0, 114.0, 114.0]", "type: Permute"))
    assert (card.fill, card.height, card.width, card.scale) == ((114, 114, 114), 640, 640, 1.0)


def test_thresholds_of_a_suppression_that_is_left_to_us(gathered):
    card = gathered(config(RESIZE, more="NMS: {name: MultiClassNMS, nms_threshold: 0.6, score_threshold: 0.025}\n"))
    assert (card.iou, card.conf) == (0.6, 0.5)


def test_it_counts_for_the_only_model_of_the_folder(gathered, write):
    write({"model_int8.onnx": b"x", "model.tflite": b"x"})
    assert gathered({"infer_cfg.yml": PPYOLOE}).labels == ("red", "green", "blue")
    write({"yolox.onnx": b"x"})
    assert not gathered({"infer_cfg.yml": PPYOLOE}).sources


@pytest.mark.parametrize(
    "step", ["type: WarpAffine", "kind: Resize", "type: Resize, target_size: 3.5", "type: Pad, size: a"]
)
def test_steps_that_are_not_known_are_refused(gathered, step):
    with pytest.raises(CardInvalid, match="paddle metadata"):
        gathered(config(step))
