"""Advice never goes in circles: a hint with an argument, followed, works or leads to another sentence."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest

from edgerun import Detector
from edgerun.errors import EdgerunError

ARGUMENT = re.compile(
    r"\b([a-z_]+)=(\"[^\"]*\"|'[^']*'|\((?:[^()…]*)\)|\{[^{}…]*\}|-?\d+(?:\.\d+)?(?:/\d+)?|True|False)"
)
"""An argument in a hint, with its value."""

STEPS = 6
"""More than any advice needs."""


def arguments(hint):
    """Each argument of a hint with each value that is offered for it, once."""
    found = {}
    for name, value in ARGUMENT.findall(hint):
        numerator, slash, denominator = value.partition("/")
        if slash:
            found[name, value] = float(numerator) / float(denominator)
        else:
            try:
                found[name, value] = ast.literal_eval(value)
            except (SyntaxError, ValueError):  # a size in words, (height, width)
                continue
    return [(name, value) for (name, _), value in found.items()]


def left_out(hint):
    """Arguments that a hint asks to leave out."""
    names = re.findall(r"leave (?:the )?(\w+) out", hint)
    return {"height", "width", "imgsz", *names} if "size" in names else set(names)


def refusal(path, given):
    """The sentence with which a model is refused; None where it is opened."""
    try:
        Detector.load(path, **given).close()
    except EdgerunError as error:
        return error
    return None


def follow(path, given, seen=()):
    """Every hint, along every argument that it offers, to where the model is opened or nothing is left to follow."""
    error = refusal(path, given)
    if error is None:
        return
    assert error.message not in seen, f"{given} goes in a circle: {error}"
    assert len(seen) < STEPS, f"advice without end: {seen}"
    kept = {name: value for name, value in given.items() if name not in left_out(error.hint)}
    if kept != given:
        follow(path, kept, (*seen, error.message))
    for name, value in arguments(error.hint):
        follow(path, {**kept, name: value}, (*seen, error.message))


CASES = {
    "another decoder": ({"metadata": None}, {"decoder": "yolov5"}),
    "no such decoder": ({}, {"decoder": "yolov88"}),
    "suppressed": ({}, {"suppressed": True}),
    "units": ({}, {"box_units": "unit"}),
    "gray": ({}, {"color": "gray"}),
    "dark bytes": ({"dtype": "uint8", "scale": 255.0}, {"scale": 1 / 255}),
    "another size": ({}, {"height": 32}),
    "labels too many": ({}, {"labels": ["a", "b", "c", "d", "e"]}),
    "outputs that are not there": ({}, {"outputs": {"nothing": "boxes"}}),
    "end to end": ({"layout": "end2end"}, {}),
    "end to end, otherwise": ({"layout": "end2end"}, {"decoder": "yolov8", "suppressed": False}),
    "yolox": ({"layout": "yolox", "scale": 255.0}, {}),
    "yolox, otherwise": ({"layout": "yolox", "scale": 255.0}, {"decoder": "yolov8"}),
    "tfod": ({"layout": "tfod"}, {"decoder": "ssd"}),
    "tfod in pixels": ({"layout": "tfod"}, {"box_units": "pixels"}),
}


@pytest.mark.parametrize(("built", "given"), CASES.values(), ids=CASES.keys())
def test_advice_does_not_go_in_circles(colours, built, given):
    follow(colours(**built), given)


@pytest.mark.parametrize(
    "shapes",
    [[(1, 21, 64, 64)], [(1, 512)], [(1, 300, 7)], [(1, 100, 4), (1, 100)], [(1, 100, 4), (1, 3)], [(1, 84, 6)]],
)
def test_nor_does_that_of_outputs_that_nobody_knows(tmp_path, shapes):
    from onnx import TensorProto, helper, numpy_helper, save

    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])
    outputs, nodes, constants = [], [], []
    for place, shape in enumerate(shapes):
        values = np.random.default_rng(place).random(shape, np.float32)
        constants.append(numpy_helper.from_array(values, f"c{place}"))
        nodes.append(helper.make_node("Identity", [f"c{place}"], [f"y{place}"]))
        outputs.append(helper.make_tensor_value_info(f"y{place}", TensorProto.FLOAT, shape))
    model = helper.make_model(helper.make_graph(nodes, "g", [image], outputs, constants))
    model.ir_version = 9
    save(model, tmp_path / "m.onnx")
    follow(tmp_path / "m.onnx", {})


def test_arguments_are_found_in_a_hint():
    hint = 'pass decoder="yolov8" or scale=1/255, mean=(0.5, 0.5, 0.5), or inputs={"x": …}; imgsz=(height, width)'
    assert left_out("leave the decoder out, or leave suppressed out") == {"decoder", "suppressed"}
    assert arguments(hint) == [("decoder", "yolov8"), ("scale", 1 / 255), ("mean", (0.5, 0.5, 0.5))]


def test_a_circle_is_found(monkeypatch, tmp_path):
    """What this test is worth: advice that gives back the sentence that it came from."""
    monkeypatch.setattr(
        f"{__name__}.refusal", lambda path, given: EdgerunError("It cannot be read.", hint='pass decoder="yolov8"')
    )
    with pytest.raises(AssertionError, match="goes in a circle"):
        follow(tmp_path, {})
