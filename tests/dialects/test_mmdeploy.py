from __future__ import annotations

import pytest

from edgerun.errors import CardInvalid

MEAN, STD = [103.53, 116.28, 123.675], [57.375, 57.12, 58.395]


def files(*transforms, net="end2end.onnx", task="Detector", component="ResizeBBox"):
    """The two files as MMDeploy 1.x dumps them."""
    steps = [{"type": "LoadImageFromFile", "backend_args": None}, *transforms]
    steps += [{"type": "DefaultFormatBundle"}, {"type": "Collect", "keys": ["img"], "meta_keys": ["img_shape"]}]
    model = {"name": "rtmdet", "net": net, "weights": "", "backend": "onnxruntime", "precision": "FP32"}
    return {
        "deploy.json": {"version": "1.3.1", "task": task, "models": [{**model, "batch_size": 1}], "customs": []},
        "pipeline.json": {
            "pipeline": {
                "input": ["img"],
                "output": ["post_output"],
                "tasks": [
                    {"type": "Task", "module": "Transform", "name": "Preprocess", "transforms": steps},
                    {"name": "rtmdet", "type": "Task", "module": "Net", "input_map": {"img": "input"}},
                    {"type": "Task", "module": "mmdet", "component": component, "params": {"score_thr": 0.001}},
                ],
            }
        },
        "detail.json": {"version": "1.3.1", "codebase": {"task": "ObjectDetection", "codebase": "mmdet"}},
    }


def resized(**options):
    return {"type": "Resize", "keep_ratio": True, "size": [96, 64], **options}


def padded(**options):
    return {"type": "Pad", **options}


def normalised(**options):
    return {"type": "Normalize", "to_rgb": False, "mean": MEAN, "std": STD, **options}


NO_MORE = padded(size_divisor=1)
RTMDET = (resized(size=[640, 640]), padded(size=[640, 640], pad_val={"img": [114, 114, 114]}), normalised(), NO_MORE)


def test_a_model_is_fed_as_the_list_of_transforms_says(finds):
    plain = normalised(mean=[0, 0, 0], std=[1, 1, 1])
    steps = (resized(), padded(size=[96, 64], pad_val={"img": [114, 114, 114]}), plain, NO_MORE)
    card = finds(files(*steps), name="end2end.onnx", bgr=True, scale=255.0)
    assert (card.resize, card.fill, card.task) == ("letterbox-topleft", (114, 114, 114), "detect")
    assert card.source("resize") == "mmdeploy metadata"
    assert card.conf is None, "0.001 is for measuring"


def test_rtmdet_is_blue_first_with_a_grey_border(gathered):
    card = gathered(files(*RTMDET), "end2end.onnx")
    assert (card.color, card.mean, card.std, card.scale) == ("bgr", tuple(MEAN), tuple(STD), 1.0)
    assert (card.resize, card.fill, card.height, card.width) == ("letterbox-topleft", (114, 114, 114), 640, 640)


def test_a_border_after_the_normalisation_has_the_colour_of_the_mean(gathered):
    steps = (resized(size=[1333, 800]), normalised(to_rgb=True, mean=MEAN[::-1]), padded(size_divisor=32))
    card = gathered(files(*steps), "end2end.onnx")
    assert (card.color, card.fill) == ("rgb", (124, 116, 104))
    assert (card.height, card.width) == (800, 1344)


def test_a_fixed_export_stretches(gathered):
    card = gathered(
        files(resized(keep_ratio=False, size=[320, 320]), normalised(), padded(size_divisor=32)), "end2end.onnx"
    )
    assert (card.resize, card.height, card.source("fill")) == ("stretch", 320, "default")


def test_the_letterbox_of_mmyolo_is_centred(gathered):
    letter = {"type": "LetterResize", "scale": [640, 384], "allow_scale_up": False, "pad_val": {"img": 114}}
    card = gathered(
        files(letter, normalised(mean=[0, 0, 0], std=[255, 255, 255], to_rgb=True), NO_MORE), "end2end.onnx"
    )
    assert (card.resize, card.fill, card.height, card.width) == ("letterbox", (114, 114, 114), 384, 640)


def test_a_square_border_and_other_tasks(gathered):
    square = (resized(size=[640, 384]), padded(pad_to_square=True, pad_val=114), normalised())
    card = gathered(files(*square, component="ResizeInstanceMask"), "end2end.onnx")
    assert (card.height, card.width, card.task) == (640, 640, "segment")
    crop = (resized(size=[256, -1]), {"type": "CenterCrop", "crop_size": 224}, normalised())
    card = gathered(files(*crop, task="Classifier"), "end2end.onnx")
    assert (card.resize, card.height, card.task) == ("center-crop", 224, "classify")


def test_only_the_model_that_is_named_is_meant(gathered):
    assert not gathered(files(*RTMDET), "other.onnx").sources
    assert not gathered(files(*RTMDET, net="end2end.rknn"), "end2end.onnx").sources


@pytest.mark.parametrize("step", [{"type": "Mirror"}, {"type": "Resize"}, padded(logical_or_val=127), {"kind": "x"}])
def test_steps_that_are_not_known_are_refused(gathered, step):
    with pytest.raises(CardInvalid, match="mmdeploy metadata"):
        gathered(files(step), "end2end.onnx")
