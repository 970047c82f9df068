"""The contract of MLModel.predict: what is taken, what is refused with which error, what comes out."""

from __future__ import annotations

import gc
import shutil
import weakref
import zipfile

import numpy as np
import pytest
from mil_program import Program
from model_files import (
    array,
    classifier,
    doubling,
    image,
    model,
    named,
    number,
    opened,
    package,
    passing,
    suppression,
    write,
)
from PIL import Image

import edgerun_coreml
from edgerun_coreml.errors import ModelDamaged, ModelUnsupported

ONE = np.float32([[1, 2, 3, 4]])


@pytest.fixture
def double(tmp_path):
    return opened(tmp_path, model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)]))


def test_arrays_go_in_and_come_out(double):
    result = double.predict({"x": ONE})
    assert list(result) == ["y"]
    assert result["y"].dtype == np.float32
    assert result["y"].tolist() == [[2, 4, 6, 8]]


def test_other_number_types_and_lists_are_converted(double):
    for given in (ONE.astype(np.float64), ONE.astype(np.float16), ONE.astype(np.int32), ONE.tolist()):
        assert double.predict({"x": given})["y"].tolist() == [[2, 4, 6, 8]]


def test_what_was_given_is_left_alone(double):
    data = {"x": ONE.astype(np.float16)}
    double.predict(data)
    assert data["x"].dtype == np.float16


def test_a_list_of_dictionaries_gives_a_list(double):
    results = double.predict([{"x": ONE}, {"x": 2 * ONE}])
    assert [result["y"][0, 0] for result in results] == [2, 4]
    assert double.predict([]) == []


@pytest.mark.parametrize("data", [None, "x", (1,), ONE, [ONE], [{"x": ONE}, 1]])
def test_anything_else_is_a_type_error(double, data):
    with pytest.raises(TypeError, match="must be a dict or a list of dicts"):
        double.predict(data)


def test_an_unknown_name_is_a_key_error_that_names_the_known_ones(double):
    with pytest.raises(KeyError, match="no input 'z'; its inputs are: x"):
        double.predict({"x": ONE, "z": ONE})


def test_a_missing_input_is_a_runtime_error(double):
    with pytest.raises(RuntimeError, match="input 'x' is missing"):
        double.predict({})


def test_another_shape_is_a_runtime_error(double):
    with pytest.raises(RuntimeError, match=r"'x': MultiArray shape \(4\) does not match the shape \(1 x 4\)"):
        double.predict({"x": ONE[0]})


def test_after_closing_predicting_is_an_error(double):
    with double as model:
        model.predict({"x": ONE})
    double.close()
    with pytest.raises(RuntimeError, match="closed"):
        double.predict({"x": ONE})


def test_closing_gives_the_session_back(double):
    (session,) = double.stage.sessions()
    alive = weakref.ref(session)
    del session
    double.close()
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("limits", [{"ranges": ((1, 1), (2, 8))}, {"shapes": ((1, 2), (1, 4), (1, 8))}])
def test_flexible_shapes_are_taken_within_their_limits(tmp_path, limits):
    flexible = opened(tmp_path, model(doubling((1, None)), [array("x", 1, 4, **limits)], [array("y")]))
    for size in (2, 4, 8):
        assert flexible.predict({"x": np.ones((1, size), np.float32)})["y"].tolist() == [[2] * size]
    with pytest.raises(RuntimeError, match=r"input 'x': .* allowed"):
        flexible.predict({"x": np.ones((1, 9), np.float32)})


def test_several_outputs_of_flexible_shapes(tmp_path):
    program = Program()
    x = program.input("x", "fp32", (1, None))
    total = program.op("reduce_sum", ("fp32", (1,)), x=x, axes=np.int32([1]), keep_dims=False)
    named(program, (x, "same", "fp32", (1, None)), (total, "sum", "fp32", (1,)))
    several = opened(
        tmp_path, model(program, [array("x", 1, 2, ranges=((1, 1), (1, -1)))], [array("sum", 1), array("same")])
    )
    result = several.predict({"x": np.ones((1, 5), np.float32)})
    assert list(result) == ["sum", "same"]
    assert result["sum"].tolist() == [5]
    assert result["same"].shape == (1, 5)


def test_optional_inputs_have_defaults(tmp_path):
    program = Program()
    x, b = program.input("x", "fp32", (2,)), program.input("b", "fp32", (2,))
    named(program, (program.op("add", ("fp32", (2,)), x=x, y=b), "y", "fp32", (2,)))
    features = [array("x", 2), array("b", 2, optional=True, default=0.5)]
    content = model(program, features, [array("y", 2)])
    sum_of = opened(tmp_path, content)
    assert sum_of.predict({"x": np.float32([1, 2])})["y"].tolist() == [1.5, 2.5]
    assert sum_of.predict({"x": np.float32([1, 2]), "b": np.float32([1, 1])})["y"].tolist() == [2, 3]


def test_fp16_outputs_come_as_float32_and_whole_numbers_as_int32(tmp_path):
    program = Program()
    x = program.input("x", "fp16", (1,))
    whole = program.op("cast", ("int32", (1,)), x=x, dtype="int32")
    named(program, (program.op("add", ("fp16", (1,)), x=x, y=x), "y", "fp16", (1,)), (whole, "n", "int32", (1,)))
    content = model(
        program, [array("x", 1, dtype="FLOAT16")], [array("y", 1, dtype="FLOAT16"), array("n", 1, dtype="INT32")]
    )
    result = opened(tmp_path, content).predict({"x": np.float32([1.1])})
    assert result["y"].dtype == np.float32
    assert result["y"][0] == np.float32(np.float16(2 * np.float16(1.1)))
    assert result["n"].dtype == np.int32
    assert result["n"].tolist() == [1]


def test_fp16_precision_shows_what_overflows_on_a_device(tmp_path):
    program = Program()
    x = program.input("x", "fp16", (1,))
    big = program.op("mul", ("fp16", (1,)), x=x, y=x)
    named(program, (program.op("real_div", ("fp16", (1,)), x=big, y=x), "y", "fp16", (1,)))
    path = write(tmp_path / "m.mlmodel", model(program, [array("x", 1)], [array("y", 1)]))
    given = {"x": np.float32([1000])}
    assert edgerun_coreml.load(path).predict(given)["y"].tolist() == [1000]
    assert np.isinf(edgerun_coreml.load(path, precision="fp16").predict(given)["y"][0])
    with pytest.raises(ValueError, match="'fp32' or 'fp16'"):
        edgerun_coreml.load(path, precision="fp64")


def test_an_output_without_axes_comes_as_one_number(tmp_path):
    program = Program()
    x = program.input("x", "fp32", (3,))
    total = program.op("reduce_sum", ("fp32", ()), x=x, axes=np.int32([0]), keep_dims=False)
    named(program, (total, "y", "fp32", ()))
    scalar = opened(tmp_path, model(program, [array("x", 3)], [array("y")]))
    result = scalar.predict({"x": np.float32([1, 2, 3])})["y"]
    assert result.shape == (1,)
    assert result.tolist() == [6]


PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


@pytest.mark.parametrize("color", ["RGB", "BGR"])
def test_pictures_go_in_as_rgb_and_come_out_as_rgba(tmp_path, color):
    program = passing("picture", "out", (1, 3, 2, 4), 2.0)
    brighter = opened(tmp_path, model(program, [image("picture", 4, 2, color)], [image("out", 4, 2, color)]))
    result = brighter.predict({"picture": Image.fromarray(PIXELS)})["out"]
    assert result.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(result)[..., :3], PIXELS * 2)


def test_the_declared_order_decides_which_channel_the_network_sees_first(tmp_path):
    for color, first in (("RGB", 0), ("BGR", 2)):
        program = passing("picture", "out", (1, 3, 2, 4))
        seen = opened(tmp_path, model(program, [image("picture", 4, 2, color)], [array("out", 1, 3, 2, 4)]))
        result = seen.predict({"picture": Image.fromarray(PIXELS)})["out"]
        np.testing.assert_array_equal(result[0, 0], PIXELS[..., first])


@pytest.mark.parametrize(("color", "mode"), [("GRAYSCALE", "L"), ("GRAYSCALE_FLOAT16", "F")])
def test_grey_pictures_keep_their_mode(tmp_path, color, mode):
    program = passing("picture", "out", (1, 1, 2, 4))
    grey = opened(tmp_path, model(program, [image("picture", 4, 2, color)], [image("out", 4, 2, color)]))
    given = Image.fromarray(PIXELS[..., 0]).convert(mode)
    result = grey.predict({"picture": given})["out"]
    assert result.mode == mode
    np.testing.assert_array_equal(np.asarray(result), np.asarray(given))


def test_pictures_of_the_wrong_kind_or_size_are_refused(tmp_path):
    program = passing("picture", "out", (1, 3, 2, 4))
    strict = opened(tmp_path, model(program, [image("picture", 4, 2)], [image("out", 4, 2)]))
    for given in ({}, {"picture": PIXELS}, {"picture": Image.fromarray(PIXELS).convert("RGBA")}):
        with pytest.raises(TypeError, match="picture"):
            strict.predict(given)
    with pytest.raises(RuntimeError, match="is 5 x 2, the model takes 4 x 2"):
        strict.predict({"picture": Image.new("RGB", (5, 2))})


@pytest.mark.parametrize("limits", [{"sizes": ((4, 2), (6, 8))}, {"ranges": ((2, 6), (2, -1))}])
def test_pictures_of_several_sizes(tmp_path, limits):
    program = passing("picture", "out", (1, 3, None, None))
    flexible = opened(tmp_path, model(program, [image("picture", 4, 2, **limits)], [array("out")]))
    assert flexible.predict({"picture": Image.new("RGB", (6, 8))})["out"].shape == (1, 3, 8, 6)
    with pytest.raises(RuntimeError, match="is 7 x 8"):
        flexible.predict({"picture": Image.new("RGB", (7, 8))})


def test_a_classifier_gives_a_label_and_a_dictionary(tmp_path):
    animals = opened(tmp_path, classifier(["cat", "dog", "bird"]))
    label, probabilities = animals.predict({"x": np.float32([[0.25, 0.5, 0.25]])}).values()
    assert label == "dog"
    assert probabilities == {"cat": 0.25, "dog": 0.5, "bird": 0.25}
    assert animals.labels == ("cat", "dog", "bird")


def stateful(kind="fp32"):
    program = Program(18)
    kept = program.state("total", kind, (2,))
    x = program.input("x", kind, (2,))
    before = program.op("read_state", (kind, (2,)), input=kept)
    after = program.op("add", (kind, (2,)), x=before, y=x)
    program.op("write_state", [], input=kept, data=after)
    named(program, (after, "y", kind, (2,)))
    feature = {"name": "total", "type": {"stateType": {"arrayType": {"shape": [2], "dataType": "FLOAT32"}}}}
    return model(program, [array("x", 2)], [array("y", 2)], state=[feature])


def test_a_state_lives_from_one_prediction_to_the_next(tmp_path):
    adding = opened(tmp_path, stateful())
    first, second = adding.make_state(), adding.make_state()
    given = {"x": np.float32([1, 2])}
    adding.predict(given, state=first)
    assert adding.predict(given, state=first)["y"].tolist() == [2, 4]
    assert adding.predict(given, second)["y"].tolist() == [1, 2]
    assert first.read_state("total").tolist() == [2, 4]
    first.write_state("total", np.float32([10, 10]))
    assert adding.predict(given, first)["y"].tolist() == [11, 12]


def test_an_fp16_state_keeps_what_fp16_can_hold(tmp_path):
    adding = opened(tmp_path, stateful("fp16"))
    state = adding.make_state()
    adding.predict({"x": np.float32([0.1, 2049])}, state)
    assert state.read_state("total").tolist() == np.float16([0.1, 2049]).astype(np.float32).tolist()


def test_a_state_is_needed_where_there_is_one_and_not_for_lists(tmp_path):
    adding = opened(tmp_path, stateful())
    with pytest.raises(RuntimeError, match=r"state=model\.make_state"):
        adding.predict({"x": np.float32([1, 2])})
    with pytest.raises(AssertionError, match="unbatched"):
        adding.predict([{"x": np.float32([1, 2])}], adding.make_state())


def test_a_model_without_states_has_an_empty_one(double):
    state = double.make_state()
    assert state.names == ()
    assert double.predict({"x": ONE}, state)["y"][0, 0] == 2


def test_one_of_several_functions_is_chosen_by_name(tmp_path):
    one, two = doubling(), passing("x", "z", (1, 4), 5.0)
    features = {"input": [array("x", 1, 4)]}
    content = {
        "specificationVersion": 9,
        "description": {
            "functions": [
                {"name": "double", **features, "output": [array("y", 1, 4)]},
                {"name": "five", **features, "output": [array("z", 1, 4)]},
            ],
            "defaultFunctionName": "double",
        },
        "mlProgram": {"version": 1, "functions": {"double": one.function(), "five": two.function()}},
    }
    path = write(tmp_path / "m.mlmodel", content)
    assert edgerun_coreml.load(path).predict({"x": ONE})["y"][0, 0] == 2
    assert edgerun_coreml.load(path, function="five").predict({"x": ONE})["z"][0, 0] == 5
    with pytest.raises(ModelUnsupported, match="no function 'six'; there are: double, five"):
        edgerun_coreml.load(path, function="six")


def test_thresholds_of_a_suppression_are_numbers_with_defaults(tmp_path):
    content = suppression(3)
    content["description"]["input"] += [number("iouThreshold", optional=True), number("confidenceThreshold")]
    nms = opened(tmp_path, content)
    feeds = {"scores": np.float32(np.eye(3)[[0] * 8] * 0.5), "boxes": np.float32(np.eye(4)[[0] * 8])}
    assert nms.predict(feeds)["confidence"].shape == (8, 3)  # boxes without area
    assert nms.predict(feeds | {"confidenceThreshold": 0.6})["confidence"].shape == (0, 3)
    assert nms.predict(feeds | {"confidenceThreshold": 1})["coordinates"].shape == (0, 4)
    with pytest.raises(RuntimeError, match="'iouThreshold' is a number, not str"):
        nms.predict(feeds | {"iouThreshold": "high"})
    assert nms.labels == ("class 0", "class 1", "class 2")


def test_folders_archives_and_lone_files_are_opened(tmp_path):
    content = model(doubling(), [array("x", 1, 4)], [array("y", 1, 4)])
    folder = package(tmp_path / "a b" / "modèle.mlpackage", content)
    archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", folder.parent)
    with zipfile.ZipFile(tmp_path / "bare.mlpackage", "w") as bare:
        for path in folder.rglob("*"):
            bare.write(path, path.relative_to(folder))
    for path in (folder, archive, tmp_path / "bare.mlpackage", str(write(tmp_path / "m.mlmodel", content))):
        assert edgerun_coreml.load(path, threads=1).predict({"x": ONE})["y"][0, 0] == 2


def test_a_description_that_promises_what_the_program_does_not_give_is_damage(tmp_path):
    with pytest.raises(ModelDamaged, match="lists an output 'z'"):
        opened(tmp_path, model(doubling(), [array("x", 1, 4)], [array("z", 1, 4)]))
    with pytest.raises(ModelDamaged, match="takes 'x', which the description does not list"):
        opened(tmp_path, model(doubling(), [array("w", 1, 4)], [array("y", 1, 4)]))


def test_other_kinds_of_models_are_named(tmp_path):
    content = {"specificationVersion": 1, "description": {}, "treeEnsembleClassifier": {}}
    with pytest.raises(ModelUnsupported, match="treeEnsembleClassifier"):
        opened(tmp_path, content)
