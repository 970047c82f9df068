from __future__ import annotations

import importlib
import json
import threading
import zipfile

import numpy as np
import pytest

import edgerun_tflite
from edgerun import Detector
from edgerun.contract import Delegate
from edgerun.errors import (
    CardInvalid,
    DelegateIncomplete,
    DelegateUnavailable,
    EdgerunError,
    ModelUnreadable,
    ModelUnsafe,
)
from edgerun.processing import quantization as buffers
from edgerun.runtime.delegate_choice import demand
from edgerun.testing import BackendConformance
from edgerun_tflite import TfliteBackend
from edgerun_tflite import metadata as reader
from edgerun_tflite import session as session_module

XNNPACK, CPU = Delegate("xnnpack"), Delegate("cpu")


class TestConformance(BackendConformance):
    runtime_modules = ("ai_edge_litert", "tflite_runtime", "flatbuffers")

    @pytest.fixture
    def backend(self):
        return TfliteBackend()


@pytest.fixture
def healthy():
    backend = TfliteBackend()
    if not backend.health().ok:
        pytest.skip(backend.health().reason)
    return backend


@pytest.fixture
def opened(healthy):
    sessions = []

    def open_(path, delegate=XNNPACK, threads=1):
        sessions.append(healthy.open(path, delegate, threads))
        return sessions[-1]

    yield open_
    for session in sessions:
        session.close()


@pytest.fixture
def doubler(author, tmp_path):
    """y = x + x with a free number of rows."""

    def build(name="doubler.tflite"):
        a = author()
        x, y = a.tensor("x", (-1, 4)), a.tensor("y", (-1, 4))
        a.operator("ADD", [x, x], [y])
        return a.write(tmp_path / name, [x], [y])

    return build


# ---------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point"),
    [("uint8", 1 / 255, 0), ("uint8", 0.0078125, 128), ("int8", 0.018658, -14), ("int16", 1 / 32768, 0)],
)
def test_integers_mean_the_same_to_the_interpreter_as_to_the_formula(
    author, opened, tmp_path, dtype, scale, zero_point
):
    a = author()
    quantised = {"scale": [scale], "zero_point": [zero_point]}
    x = a.tensor("x", (1, 16), dtype, **quantised)
    shape = a.tensor("shape", (2,), "int32", value=[1, 16])
    same, real = a.tensor("same", (1, 16), dtype, **quantised), a.tensor("real", (1, 16))
    a.operator("RESHAPE", [x, shape], [same])
    a.operator("DEQUANTIZE", [x], [real])
    session = opened(a.write(tmp_path / "quantised.tflite", [x], [same, real]))
    (spec,) = session.inputs
    assert spec.dtype == dtype
    assert spec.quantization.scale == pytest.approx((scale,))
    assert spec.quantization.zero_point == (zero_point,)
    random = np.random.default_rng(1)
    limits, exact = np.iinfo(dtype), np.float32(scale)
    reach = (limits.max - limits.min) * scale
    for _ in range(1000):
        numbers = random.uniform(-reach, reach, (1, 16)).astype(np.float32)
        stored = np.clip(np.rint(numbers / np.float64(exact)) + zero_point, limits.min, limits.max).astype(dtype)
        fed = buffers.store(numbers, spec)
        np.testing.assert_array_equal(fed, stored)
        raw = session.run({"x": fed})
        assert raw["same"].dtype == dtype
        restored = buffers.restore(raw, session.outputs)
        np.testing.assert_array_equal(restored["same"], (stored.astype(np.float32) - zero_point) * exact)
        np.testing.assert_allclose(restored["real"], restored["same"], rtol=1e-6, atol=1e-9)


def test_a_scale_of_zero_means_that_there_is_no_quantisation(author, opened, tmp_path):
    a = author()
    x, y = (a.tensor(name, (1, 4), scale=[0.0], zero_point=[0]) for name in "xy")
    a.operator("ADD", [x, x], [y])
    session = opened(a.write(tmp_path / "zero.tflite", [x], [y]))
    assert session.inputs[0].quantization is None
    assert session.outputs[0].quantization is None


def test_scales_along_an_axis_are_told(author, opened, tmp_path):
    a = author()
    x, y = a.tensor("x", (1, 4)), a.tensor("y", (1, 4))
    a.operator("ADD", [x, x], [y])
    weights = np.array([[[1, 2], [3, 4], [5, 6]]])
    fixed = a.tensor("w", (1, 3, 2), "int8", value=weights, scale=[0.5, 1, 2], zero_point=[0, 0, 0], axis=1)
    session = opened(a.write(tmp_path / "axis.tflite", [x], [y, fixed]))
    quantization = session.outputs[1].quantization
    assert quantization.scale == (0.5, 1.0, 2.0)
    assert quantization.axis == 1
    raw = session.run({"x": np.zeros((1, 4), np.float32)})
    restored = buffers.restore(raw, session.outputs)["w"]
    np.testing.assert_allclose(restored, weights * np.array([[[0.5], [1], [2]]]))


def test_half_precision_inputs_are_fed_as_such(author, opened, tmp_path):
    a = author()
    x, y = a.tensor("x", (1, 4), "float16"), a.tensor("y", (1, 4))
    a.operator("DEQUANTIZE", [x], [y])
    session = opened(a.write(tmp_path / "half.tflite", [x], [y]))
    (spec,) = session.inputs
    assert spec.dtype == "float16"
    real = np.array([[0.5, 1, 2, 3.25]], np.float32)
    np.testing.assert_array_equal(session.run({"x": buffers.store(real, spec)})["y"], real)


# ---------------------------------------------------------------------------------------------- shapes


def test_outputs_that_depend_on_values_have_their_true_shape_even_without_elements(author, opened, tmp_path):
    a = author()
    x, limit = a.tensor("x", (4,)), a.tensor("limit", (1,), value=[0.5])
    above, found = a.tensor("above", (4,), "bool"), a.tensor("found", (1, 1), "int64")
    a.operator("GREATER", [x, limit], [above])
    a.operator("WHERE", [above], [found])
    session = opened(a.write(tmp_path / "where.tflite", [x], [found]))
    assert not session.outputs[0].static
    np.testing.assert_array_equal(session.run({"x": np.array([0, 1, 0, 1], np.float32)})["found"], [[1], [3]])
    nothing = session.run({"x": np.zeros(4, np.float32)})["found"]
    assert nothing.shape == (0, 1)
    assert nothing.dtype == np.int64
    np.testing.assert_array_equal(session.run({"x": np.array([1, 0, 0, 0], np.float32)})["found"], [[0]])


def test_free_sizes_are_fitted_once_per_change(doubler, opened):
    session = opened(doubler())
    assert session.inputs[0].shape == (None, 4)
    fitted = []
    actual = session._interpreter.allocate_tensors
    session._interpreter.allocate_tensors = lambda: (fitted.append(1), actual())
    for rows in (1, 3, 3, 3, 2):
        x = np.random.default_rng(rows).random((rows, 4)).astype(np.float32)
        np.testing.assert_array_equal(session.run({"x": x})["y"], 2 * x)
    assert len(fitted) == 3


def test_a_shape_that_cannot_be_is_refused_and_the_next_run_is_right_and_delegated(doubler, opened):
    session = opened(doubler())
    session.run({"x": np.ones((2, 4), np.float32)})
    with pytest.raises((RuntimeError, ValueError)):
        session.run({"x": np.ones((2, 5), np.float32)})
    np.testing.assert_array_equal(session.run({"x": np.ones((3, 4), np.float32)})["y"], np.full((3, 4), 2))
    assert session.coverage().nodes == {"xnnpack": 1}


def test_threads_take_turns_on_one_session(opened, healthy):
    session = opened(healthy.specimen)
    wrong = []

    def work(number):
        x = np.full((1, 4), number, np.float32)
        wrong.extend(1 for _ in range(50) if not (session.run({"x": x})["y"] == 2 * number).all())

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


# ---------------------------------------------------------------------------------------------- names


def test_names_are_those_of_the_signature_whatever_its_order(author, opened, tmp_path):
    a = author()
    x, double, square = a.tensor("in:0", (1, 4)), a.tensor("Identity:1", (1, 4)), a.tensor("Identity", (1, 4))
    a.operator("ADD", [x, x], [double])
    a.operator("MUL", [x, x], [square])
    a.signature({"picture": x}, {"square": square, "double": double})
    session = opened(a.write(tmp_path / "signed.tflite", [x], [double, square]))
    assert [spec.name for spec in session.inputs] == ["picture"]
    assert [spec.name for spec in session.outputs] == ["double", "square"]
    outputs = session.run({"picture": np.full((1, 4), 3, np.float32)})
    assert outputs["double"][0, 0] == 6
    assert outputs["square"][0, 0] == 9


def test_a_signature_that_leaves_an_output_out_gives_no_names(author, opened, tmp_path):
    a = author()
    x, double, square = a.tensor("x", (1, 4)), a.tensor("double", (1, 4)), a.tensor("square", (1, 4))
    a.operator("ADD", [x, x], [double])
    a.operator("MUL", [x, x], [square])
    a.signature({"x": x}, {"one": square})
    session = opened(a.write(tmp_path / "partial.tflite", [x], [double, square]))
    assert [spec.name for spec in session.outputs] == ["double", "square"]


def test_names_are_made_unique(author, opened, tmp_path):
    a = author()
    x, double, square = a.tensor("x", (1, 4)), a.tensor("same", (1, 4)), a.tensor("same", (1, 4))
    a.operator("ADD", [x, x], [double])
    a.operator("MUL", [x, x], [square])
    session = opened(a.write(tmp_path / "twins.tflite", [x], [double, square]))
    names = [spec.name for spec in session.outputs]
    assert len(set(names)) == 2
    outputs = session.run({"x": np.full((1, 4), 3, np.float32)})
    assert [outputs[name][0, 0] for name in names] == [6, 9]


# ---------------------------------------------------------------------------------------------- delegates


def test_coverage_shows_what_xnnpack_took_and_what_it_left(author, opened, tmp_path):
    a = author()
    x, ends = a.tensor("x", (1, 4)), a.tensor("ends", (2,), "int32", value=[0, 1])
    y, whole, gathered = a.tensor("y", (1, 4)), a.tensor("whole", (1, 4), "int64"), a.tensor("g", (1, 2), "int64")
    a.operator("ADD", [x, x], [y])
    a.operator("CAST", [y], [whole])
    a.operator("GATHER", [whole, ends], [gathered])
    a.graph.operators[2].builtinOptions.axis = 1
    path = a.write(tmp_path / "mixed.tflite", [x], [gathered])
    session = opened(path)
    assert session.delegate == "xnnpack"
    coverage = session.coverage()
    assert coverage.evidence == "assigned"
    assert coverage.nodes == {"xnnpack": 1, "cpu": 2}
    assert coverage.operators == {"xnnpack": ("ADD",), "cpu": ("CAST", "GATHER")}
    assert [str(entry) for entry in coverage.outside("xnnpack")] == ["CAST [1, 4]", "GATHER [1, 2]"]
    with pytest.raises(DelegateIncomplete, match=r"2 of 3 nodes of mixed\.tflite run on cpu, not on xnnpack: CAST"):
        demand(session.coverage(), session.delegate, path.name)
    bare = opened(path, CPU)
    assert bare.delegate == "cpu"
    assert bare.coverage().nodes == {"cpu": 3}
    x = np.array([[1.6, 2, 3, 4]], np.float32)
    assert session.run({"x": x})["g"].tolist() == bare.run({"x": x})["g"].tolist() == [[3, 4]]


def test_a_delegate_that_took_nothing_is_not_in_force(author, opened, tmp_path):
    a = author()
    x, y = a.tensor("x", (1, 4), "int64"), a.tensor("y", (1, 4), "int64")
    a.operator("ADD", [x, x], [y])
    path = a.write(tmp_path / "whole.tflite", [x], [y])
    assert opened(path).delegate == "cpu"
    with pytest.raises(DelegateUnavailable, match="xnnpack took none of the operators"):
        Detector.load(path, delegate="xnnpack")


def test_an_external_delegate_is_loaded_by_its_library(healthy):
    with pytest.raises(DelegateUnavailable, match=r"mine from /nowhere/libmine\.so cannot be used"):
        healthy.open(healthy.specimen, Delegate("mine", options={"library": "/nowhere/libmine.so"}), 1)


def test_models_for_the_edge_tpu_are_refused_in_one_sentence(author, healthy, tmp_path):
    a = author()
    x, y = a.tensor("x", (1, 8, 8, 3), "uint8"), a.tensor("y", (1, 4), "uint8")
    a.operator("edgetpu-custom-op", [x], [y], b"\0")
    path = a.write(tmp_path / "compiled_edgetpu.tflite", [x], [y])
    with pytest.raises(DelegateUnavailable, match="compiled for the Edge TPU") as refusal:
        healthy.open(path, XNNPACK, 1)
    assert "edgetpu" in refusal.value.hint


def test_the_edge_tpu_is_offered_only_where_its_library_loads(healthy, monkeypatch):
    monkeypatch.setitem(edgerun_tflite.LIBRARIES, "edgetpu", ("libedgetpu-no-such-library.so",))
    offer = next(offer for offer in healthy.delegates() if offer.name == "edgetpu")
    assert not offer.available
    assert offer.reason == "libedgetpu-no-such-library.so is not installed"
    monkeypatch.setitem(edgerun_tflite.LIBRARIES, "edgetpu", ("libno-such-library.so", None))  # None: this program
    assert next(offer for offer in healthy.delegates() if offer.name == "edgetpu").available


def test_an_operator_that_nobody_brings_is_named(author, healthy, tmp_path):
    a = author()
    x, y = a.tensor("x", (1, 8, 8, 3)), a.tensor("y", (1, 4))
    a.operator("Nobody", [x], [y], b"\0")
    path = a.write(tmp_path / "custom.tflite", [x], [y])
    with pytest.raises(ModelUnreadable, match="Nobody"):
        Detector.load(path)


# ---------------------------------------------------------------------------------------------- which runtime


@pytest.fixture
def without_litert(monkeypatch):
    actual = importlib.import_module

    def missing(name):
        if name.startswith("ai_edge_litert"):
            raise ImportError("No module named 'ai_edge_litert'")
        return actual(name)

    session_module.runtime.cache_clear()
    monkeypatch.setattr(session_module.importlib, "import_module", missing)
    yield monkeypatch
    session_module.runtime.cache_clear()


def test_health_names_litert_where_nothing_is_installed(without_litert):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    without_litert.setattr(session_module.importlib.metadata, "version", absent)
    health = TfliteBackend().health()
    assert not health.ok
    assert "ai_edge_litert" in health.reason
    assert health.hint == 'pip install "edgerun[tflite]"'


def test_health_says_that_tflite_runtime_cannot_run_beside_numpy_2(without_litert):
    without_litert.setattr(session_module.importlib.metadata, "version", lambda name: "2.14.0")
    without_litert.setattr(session_module.np, "__version__", "2.4.6")
    health = TfliteBackend().health()
    assert not health.ok
    assert "numpy below 2" in health.reason
    assert "2.4.6" in health.reason


# ---------------------------------------------------------------------------------------------- what the file says


def test_metadata_tell_the_picture_the_outputs_and_the_labels(detector_file, opened):
    session = opened(detector_file())
    said = json.loads(session.metadata["tflite.metadata"])
    (image,) = said["inputs"]
    assert image == {
        "name": "image", "content": "image", "color": "rgb", "mean": [127.5], "std": [127.5],
        "tensor": "picture", "dtype": "float32", "quantization": None,
    }  # fmt: skip
    assert [entry["tensor"] for entry in said["outputs"]] == ["out:0", "out:1", "out:2", "out:3"]
    assert said["outputs"][0]["index"] == [1, 0, 3, 2]
    assert said["outputs"][1]["labels"] == "labels.txt"
    assert said["outputs"][2]["threshold"] == 0.5
    assert session.metadata["tflite.labels"] == "first\nsecond"
    last = json.loads(session.metadata["tflite.postprocess"])
    assert last == {"outputs": ["out:0", "out:1", "out:2", "out:3"], "scores": 2, "classes": 2}


def test_a_detector_is_read_by_its_last_operator_though_its_signature_mixes_the_names_up(detector_file):
    with Detector.load(detector_file()) as detector:
        found = detector(np.zeros((40, 80, 3), np.uint8))
        assert detector.card.outputs == {"out:0": "boxes", "out:1": "classes", "out:2": "scores", "out:3": "count"}
        assert detector.card.source("mean") == "tflite metadata"
        assert detector.card.mean == (127.5,) * 3
    np.testing.assert_allclose(found.xyxy, [[0, 0, 40, 40], [40, 20, 80, 40]], atol=1e-3)
    np.testing.assert_allclose(found.score, [0.9, 0.6], atol=1e-6)
    assert [row.label for row in found] == ["second", "first"]


def test_the_threshold_of_the_file_is_its_recommendation(detector_file):
    with Detector.load(detector_file()) as detector:
        assert detector.conf == 0.5
        assert detector.report().conf.source == "tflite metadata"


def test_a_calibration_of_scores_is_named_and_its_threshold_is_not_taken_for_the_networks_own(detector_file):
    """metadata_schema.fbs of mediapipe 1.2.3: kind 2 of ProcessUnitOptions, transformation 1 is LOG."""
    with Detector.load(detector_file(calibrated=True, name="calibrated.tflite")) as detector:
        assert detector.report().conf.source != "tflite metadata"
        assert "calibration of its metadata is not applied" in detector.card.source("decoder")
        np.testing.assert_allclose(detector(np.zeros((40, 80, 3), np.uint8)).score, [0.9, 0.6], atol=1e-6)


def test_a_background_that_the_operator_does_not_count_is_left_out_of_the_labels(detector_file):
    path = detector_file(["background", "first", "second"], background=True, classes=2)
    with Detector.load(path) as detector:
        assert detector.labels == ("first", "second")
        assert [row.label for row in detector(np.zeros((8, 8, 3), np.uint8))] == ["second", "first"]


def test_a_background_that_the_operator_counts_stays(detector_file):
    path = detector_file(["background", "first", "second"], background=True, classes=3, name="counted.tflite")
    with Detector.load(path) as detector:
        assert detector.labels == ("background", "first", "second")
        assert [row.label for row in detector(np.zeros((8, 8, 3), np.uint8))] == ["second", "first"]


def test_inputs_of_bytes_are_normalised_as_the_file_says_else_take_the_picture_as_it_is(detector_file):
    with Detector.load(detector_file(dtype="uint8")) as detector:
        picture = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
        stored = np.rint((picture / 127.5 - 1) * 128 + 128)
        np.testing.assert_array_equal(detector.feed(picture, color="rgb")["picture"][0], stored)
    with Detector.load(detector_file((), dtype="uint8", described=False, name="bare.tflite")) as detector:
        np.testing.assert_array_equal(detector.feed(picture, color="rgb")["picture"][0], picture)
        assert detector.card.source("scale").startswith("inferred")


def test_metadata_that_contradict_the_operator_on_the_order_of_boxes_are_refused(detector_file):
    with pytest.raises(CardInvalid, match="order"):
        Detector.load(detector_file(index=(0, 1, 2, 3)))


def test_labels_without_any_metadata_are_found_in_the_archive(detector_file, opened):
    session = opened(detector_file(described=False))
    assert "tflite.metadata" not in session.metadata
    assert session.metadata["tflite.labels"] == "first\nsecond"


@pytest.mark.parametrize(
    ("member", "text"),
    [
        ("metadata.json", '{"stride": 32, "names": {"0": "cat", "1": "dog"}, "imgsz": [64, 96], "task": "detect"}'),
        ("temp_meta.txt", "{'stride': 32, 'names': {0: 'cat', 1: 'dog'}, 'imgsz': [64, 96], 'task': 'detect'}"),
    ],
)
def test_the_texts_of_ultralytics_are_given_as_they_are(author, opened, tmp_path, member, text):
    a = author()
    x, y = a.tensor("x", (1, 4)), a.tensor("y", (1, 4))
    a.operator("ADD", [x, x], [y])
    session = opened(a.write(tmp_path / "yolo.tflite", [x], [y], {member: text.encode()}))
    assert session.metadata[member] == text
    assert "tflite.labels" not in session.metadata


def test_a_card_may_travel_in_the_file(author, opened, tmp_path):
    a = author()
    x, y = a.tensor("x", (1, 4)), a.tensor("y", (1, 4))
    a.operator("ADD", [x, x], [y])
    entry = a.schema.MetadataT()
    entry.name, entry.buffer = "edgerun", a.buffer(b'{"edgerun": 1, "labels": ["cat"]}')
    a.model.metadata.append(entry)
    session = opened(a.write(tmp_path / "card.tflite", [x], [y]))
    assert session.metadata["edgerun"] == b'{"edgerun": 1, "labels": ["cat"]}'


def test_custom_metadata_are_bytes(author, table, opened, tmp_path):
    a = author()
    x, y = a.tensor("x", (1, 4)), a.tensor("y", (1, 4))
    a.operator("ADD", [x, x], [y])
    a.describe(table({3: [{9: [{0: "ANCHORS", 1: np.array([1, 2, 255], np.uint8)}]}]}))
    session = opened(a.write(tmp_path / "custom.tflite", [x], [y]))
    assert session.metadata["tflite.custom.ANCHORS"] == b"\x01\x02\xff"


# ---------------------------------------------------------------------------------------------- bad files


def test_an_archive_that_unpacks_to_too_much_is_refused(detector_file, healthy):
    path = detector_file((), name="bomb.tflite")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", bytes(reader.LARGEST + 1))
    assert path.stat().st_size < 100_000
    with pytest.raises(ModelUnsafe, match=r"labels\.txt"):
        healthy.open(path, XNNPACK, 1)


def test_members_that_nobody_needs_are_not_unpacked(detector_file, opened):
    path = detector_file()
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vocabulary.bin", bytes(reader.LARGEST + 1))
    assert "vocabulary.bin" not in opened(path).metadata


def test_a_damaged_archive_is_refused(detector_file, healthy):
    path = detector_file()
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place : place + 4] = b"XXXX"
    path.write_bytes(content)
    with pytest.raises(ModelUnreadable, match="archive"):
        healthy.open(path, XNNPACK, 1)


def test_a_file_cut_at_any_place_is_refused_or_runs(detector_file, healthy, tmp_path):
    whole = detector_file().read_bytes()
    verdicts = {tried(healthy, tmp_path, whole[:length]) for length in range(64, len(whole), 64)}
    assert "refused" in verdicts


def test_a_file_with_changed_bytes_is_refused_or_runs(detector_file, healthy, tmp_path):
    whole, random = detector_file().read_bytes(), np.random.default_rng(3)
    verdicts = []
    for _ in range(300):
        content = bytearray(whole)
        for place in random.integers(0, len(whole), random.integers(1, 33)):
            content[place] = random.integers(0, 256)
        verdicts.append(tried(healthy, tmp_path, content))
    assert verdicts.count("refused") > 10


def tried(backend, folder, content):
    """Opened and run, or refused: that this returns at all is the test."""
    path = folder / "damaged.tflite"
    path.write_bytes(content)
    try:
        session = backend.open(path, XNNPACK, 1)
        session.run({spec.name: np.zeros([size or 1 for size in spec.shape], spec.dtype) for spec in session.inputs})
        session.close()
    except (EdgerunError, ValueError, RuntimeError, TypeError, MemoryError):
        return "refused"
    return "ran"


def test_a_size_that_the_header_fixes_is_left_open_on_demand(author, tmp_path):
    a = author()
    image, out = a.tensor("image", (1, 4, 4, 3)), a.tensor("out", (1, 4, 4, 3))
    a.operator("RELU", [image], [out])
    path = a.write(tmp_path / "relu.tflite", [image], [out])
    session = TfliteBackend().open(path, Delegate("xnnpack"), 1)
    with pytest.raises((RuntimeError, ValueError)):
        session.run({"image": np.ones((1, 8, 6, 3), np.float32)})
    assert session.free_sizes("image")
    assert session.inputs[0].shape == (None, None, None, 3)
    assert session.outputs[0].shape == (None, None, None, None)
    for shape in ((1, 8, 6, 3), (2, 4, 4, 3)):
        assert session.run({"image": np.ones(shape, np.float32)})["out"].shape == shape


# ---------------------------------------------------------------------------------------------- by a hair


@pytest.mark.parametrize(("scale", "told"), [([0.0], None), ([0.5], (0.5,)), ([], None)])
def test_a_quantisation_of_whole_numbers_has_a_scale_above_0(author, opened, tmp_path, scale, told):
    """With a scale of 0 every number would be 0; XNNPACK refuses such a tensor, the bare kernels do not."""
    a = author()
    quantised = {"scale": scale, "zero_point": [3]} if scale else {}
    x, shape = a.tensor("x", (1, 4), "int8", **quantised), a.tensor("shape", (2,), "int32", value=[4, 1])
    y = a.tensor("y", (4, 1), "int8", **quantised)
    a.operator("RESHAPE", [x, shape], [y])
    session = opened(a.write(tmp_path / "reshape.tflite", [x], [y]), CPU)
    for spec in (*session.inputs, *session.outputs):
        assert (spec.quantization and spec.quantization.scale) == told
        assert (spec.quantization and spec.quantization.zero_point) == (told and (3,))


def test_scales_of_which_one_is_0_are_none(author, opened, tmp_path):
    a = author()
    x, y = a.tensor("x", (1, 4)), a.tensor("y", (1, 4))
    a.operator("ADD", [x, x], [y])
    fixed = a.tensor("w", (1, 2), "int8", value=[[1, 2]], scale=[0.5, 0.0], zero_point=[0, 0], axis=1)
    assert opened(a.write(tmp_path / "axis.tflite", [x], [y, fixed])).outputs[1].quantization is None


def test_a_float_that_has_a_scale_is_a_float(author, opened, tmp_path):
    a = author()
    x, y = (a.tensor(name, (1, 4), scale=[0.5], zero_point=[1]) for name in "xy")
    a.operator("ADD", [x, x], [y])
    session = opened(a.write(tmp_path / "float.tflite", [x], [y]))
    assert [spec.quantization for spec in (*session.inputs, *session.outputs)] == [None, None]


def test_who_computes_is_seen_when_the_first_run_settles_open_sizes(author, opened, tmp_path):
    """XNNPACK adds no int64."""
    a = author()
    x, y = a.tensor("x", (-1, 4), "int64"), a.tensor("y", (-1, 4), "int64")
    a.operator("ADD", [x, x], [y])
    session = opened(a.write(tmp_path / "open.tflite", [x], [y]))
    assert (session.delegate, session.coverage().evidence) == ("xnnpack", "none")
    assert session.run({"x": np.full((2, 4), 3)})["y"].tolist() == [[6] * 4] * 2
    assert (session.delegate, session.delegate_reason) == ("cpu", "xnnpack took none of the operators")
    assert session.coverage().nodes == {"cpu": 1}


def test_a_shape_that_cannot_be_costs_a_fresh_interpreter(doubler, opened, monkeypatch):
    """The old one may have lost its delegate; with the next shape that can be there is no further one."""
    session = opened(doubler())
    session.run({"x": np.ones((2, 4), np.float32)})
    before = session._interpreter
    with pytest.raises((RuntimeError, ValueError)):
        session.run({"x": np.ones((2, 5), np.float32)})
    fresh = session._interpreter
    assert fresh is not before
    assert session.run({"x": np.ones((3, 4), np.float32)})["y"].tolist() == [[2] * 4] * 3
    assert session._interpreter is fresh
    assert session.delegate == "xnnpack"


@pytest.fixture
def labelled(author, table, tmp_path):
    """(files of the output's metadata, members of the archive) -> a file that adds."""

    def build(files, members):
        a = author()
        x, y = a.tensor("x", (1, 4)), a.tensor("y", (1, 4))
        a.operator("ADD", [x, x], [y])
        said = [{0: name, 2: ("b", 3), **({3: locale} if locale else {})} for name, locale in files]
        a.describe(table({0: "Model", 3: [{2: [{0: "x"}], 3: [{0: "y", 6: said}]}]}))
        return a.write(tmp_path / "labelled.tflite", [x], [y], {name: name.encode() for name in members})

    return build


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        ([("labels_de.txt", "de"), ("labels_en.txt", "en")], "labels_en.txt"),
        ([("labels_de.txt", "de"), ("labels.txt", "")], "labels.txt"),
        ([("labels_en.txt", "en"), ("labels_de.txt", "de")], "labels_en.txt"),
        ([("labels_de.txt", "de"), ("labels_fr.txt", "fr")], "labels_de.txt"),
        ([("metadata.json", ""), ("labels.txt", "")], "labels.txt"),
    ],
)
def test_of_labels_in_several_languages_the_english_ones_are_taken(labelled, opened, files, taken):
    session = opened(labelled(files, [name for name, _ in files]))
    assert session.metadata["tflite.labels"] == taken


@pytest.mark.parametrize(
    ("members", "taken"),
    [
        (["labels.txt"], "labels.txt"),
        (["labelmap.txt", "other.txt"], "labelmap.txt"),
        (["labels_a.txt", "labels_b.txt"], None),
    ],
)
def test_of_labels_that_nothing_refers_to_the_only_ones_are_taken(labelled, opened, members, taken):
    assert opened(labelled([], members)).metadata.get("tflite.labels") == taken
