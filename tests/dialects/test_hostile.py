"""Whatever lies in a description: it is read, ignored, or refused in one sentence, and nothing else happens."""

from __future__ import annotations

import json

import pytest

from edgerun.dialects import BUILTIN
from edgerun.errors import CardInvalid
from edgerun.interpretation import card_fields
from edgerun.interpretation.claims import stated

DEEP = "[" * 100_000
HUGE = "x" * 5_000_000
ALIASES = "a: &a [&b [*a, *b]]"
BOMB = "z0: &z0 [x]\n" + "".join(f"z{n}: &z{n} [*z{n - 1}, *z{n - 1}]\n" for n in range(1, 60))

JSON = {
    "config.json": {"config_version": "1.0", "model": {"metadata": {"path": "model.onnx"}, "inputs": []}},
    "preprocessor_config.json": {"image_processor_type": "X", "size": {"height": 1, "width": 1}},
    "inference_config.json": {"network_input": {"resize_mode": "stretch", "training_input_size": {}}},
    "deploy.json": {"models": [{"net": "model.onnx"}], "task": "Detector"},
    "pipeline.json": {"pipeline": {"tasks": [{"module": "Transform", "transforms": [{"type": "Resize", "size": 3}]}]}},
    "zoo.json": {"MODEL_PARAMETERS": [{"ModelPath": "model.onnx"}], "PRE_PROCESS": [{"InputH": 1}]},
    "model.onnx.json": {"model_family": "yolox", "schema_version": "1", "task": "detect", "names": {"0": "a"}},
}
TEXTS = {
    "metadata.yaml": "names: [a]\nstride: 32\ntask: detect\nimgsz: [1, 1]\n",
    "infer_cfg.yml": "Preprocess: [{type: Permute}]\nlabel_list: [a]\n",
    "config.yml": "model: {path: /x/model.onnx, input_dtype: int}\n",
    "config_infer.txt": "[property]\nonnx-file=model.onnx\nlabelfile-path=labels.txt\n",
    "pgie.yml": "property: {onnx-file: model.onnx, offsets: 1;2;3}\n",
    "labels.txt": "a\n",
}
WRONG = (None, 3, -1, 1e999, "", "x", [], {}, [[]], [None], {"x": None}, [{"x": [1]}], True)


def outcome(folder, name="model.onnx", metadata=None):
    """The card, or the one sentence of the refusal."""
    try:
        return card_fields.fold(stated(folder / name, metadata or {}, BUILTIN, {}))
    except CardInvalid as caught:
        refusal = caught
    assert refusal.message.count("\n") == 0
    assert len(refusal.message) < 700
    assert refusal.hint
    return refusal


def variants(value):
    """The value with every part of it replaced by every wrong thing, or left out."""
    yield from WRONG
    if isinstance(value, dict):
        for key, entry in value.items():
            yield {name: other for name, other in value.items() if name != key}
            for changed in variants(entry):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for changed in variants(value[0]) if value else ():
            yield [changed]


@pytest.mark.parametrize("name", JSON)
def test_wrong_types_in_json(tmp_path, name):
    for other, content in JSON.items():
        (tmp_path / other).write_text(json.dumps(content) if other == "deploy.json" or name == "pipeline.json" else "")
    refused = 0
    for content in variants(JSON[name]):
        (tmp_path / name).write_text(json.dumps(content))
        refused += isinstance(outcome(tmp_path), CardInvalid)
    assert refused, "some of them are impossible"


@pytest.mark.parametrize("name", [*JSON, *TEXTS])
@pytest.mark.parametrize("damage", ["cut", "deep", "huge", "bytes", "empty", "folder", "aliases", "bomb", "nulls"])
def test_damage_of_every_kind(tmp_path, name, damage):
    for other, content in TEXTS.items():
        (tmp_path / other).write_text(content if other.endswith(".txt") else "")
    if name == "pipeline.json":
        (tmp_path / "deploy.json").write_text(json.dumps(JSON["deploy.json"]))
    whole = json.dumps(JSON[name]) if name in JSON else TEXTS[name]
    path = tmp_path / name
    if damage == "folder":
        path.unlink(missing_ok=True)
        path.mkdir()
        outcome(tmp_path)
        return
    content = {
        "cut": whole[: len(whole) * 2 // 3],
        "deep": whole + DEEP,
        "huge": whole + HUGE,
        "bytes": whole + "\udcff\udcfe",
        "empty": "",
        "aliases": whole + ALIASES,
        "bomb": whole + BOMB,
        "nulls": whole.replace(" ", "\0"),
    }[damage]
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    found = outcome(tmp_path)
    if damage == "empty":
        assert not isinstance(found, CardInvalid) or name == "labels.txt"
    if damage in ("huge", "bytes") and name != "labels.txt" and (name, damage) != ("zoo.json", "huge"):
        assert isinstance(found, CardInvalid)


@pytest.mark.parametrize(
    "keys",
    [
        ("names", "stride", "imgsz", "task", "kpt_shape", "args"),
        ("metadata.json",),
        ("tflite.metadata", "tflite.labels", "tflite.postprocess"),
        ("coreml.image_color", "coreml.image_height", "coreml.image_width", "coreml.labels", "coreml.suppression"),
        ("edgerun",),
        ("model_info mean_values", "model_info scale_values", "model_info resize_type", "model_info labels"),
        ("model_info reverse_input_channels", "model_info pad_value", "model_info confidence_threshold"),
        ("model_family", "schema_version", "task", "names", "imgsz_h", "imgsz_w", "nms"),
        ("libreyolo_metadata.json",),
    ],
)
@pytest.mark.parametrize(
    "value", ["", "{", "[1]", "3", "null", "-1", "nan", "(1,)", b"\xff\xfe", DEEP[:900], '{"a": {}}']
)
def test_metadata_in_the_file(tmp_path, keys, value):
    outcome(tmp_path, metadata=dict.fromkeys(keys, value))


@pytest.mark.parametrize(
    "text", [DEEP, "a {" * 100, 'output { label_filename: "labels.txt"', "\0", 'x: "label_filename']
)
def test_a_repository_of_triton(tmp_path, text):
    (tmp_path / "1").mkdir()
    (tmp_path / "config.pbtxt").write_text(text + "\nlabel_filename")
    assert isinstance(outcome(tmp_path, "1/model.onnx"), CardInvalid)


@pytest.mark.parametrize(
    "text", ["<net>", "<a><b></a>", "", "<!DOCTYPE a [<!ENTITY b 'c'>]><net/>", "\0", "<" * 10_000]
)
def test_an_ir_of_openvino(tmp_path, text):
    (tmp_path / "model.xml").write_text(text)
    assert isinstance(outcome(tmp_path, "model.xml"), CardInvalid)
