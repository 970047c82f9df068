"""Reading a model's description of itself."""

from __future__ import annotations

import pytest
from wire_format import encode

from edgerun_coreml.errors import ModelDamaged
from edgerun_coreml.file.description import describe, pipeline_models
from edgerun_coreml.file.feature_types import (
    ArrayType,
    DictionaryType,
    ImageType,
    ScalarType,
    SequenceType,
    SizeRange,
    StateType,
)
from edgerun_coreml.file.package import parse_model


def described(inputs=(), model=None, version=8, **description):
    content = {"description": {"input": list(inputs), **description}, **(model or {"mlProgram": {"version": 1}})}
    return describe(parse_model(encode("Model", {"specificationVersion": version, **content})))


def feature(name, **kind):
    return {"name": name, "type": kind}


def only(**kind):
    (item,) = described([feature("x", **kind)]).interface.inputs
    return item


def test_arrays_of_fixed_enumerated_and_ranged_shape():
    fixed = only(multiArrayType={"shape": [1, 3], "dataType": "FLOAT16"}).type
    assert fixed == ArrayType("float16", (1, 3))
    assert fixed.allows((1, 3))
    assert not fixed.allows((1, 4))
    listed = {"shapes": [{"shape": [1, 3]}, {"shape": [2, 3]}]}
    enumerated = only(multiArrayType={"shape": [1, 3], "dataType": "INT32", "enumeratedShapes": listed}).type
    assert enumerated.allows((2, 3))
    assert not enumerated.allows((3, 3))
    bounds = {"sizeRanges": [{"lowerBound": 1, "upperBound": 4}, {"lowerBound": 2, "upperBound": -1}]}
    ranged = only(multiArrayType={"shape": [1, 3], "dataType": "FLOAT32", "shapeRange": bounds}).type
    assert ranged.ranges == (SizeRange(1, 4), SizeRange(2, None))
    assert ranged.allows((4, 999))
    assert not ranged.allows((5, 3))
    assert not ranged.allows((1, 3, 1))


def test_an_optional_input_has_its_default():
    item = only(multiArrayType={"shape": [1], "dataType": "FLOAT32", "floatDefaultValue": 0.5}, isOptional=True)
    assert item.optional
    assert item.type.default == 0.5
    assert only(multiArrayType={"shape": [1], "dataType": "FLOAT32"}).type.default is None


def test_images_of_fixed_enumerated_and_ranged_size():
    fixed = only(imageType={"width": 640, "height": 480, "colorSpace": "BGR"}).type
    assert fixed == ImageType(640, 480, "bgr")
    assert fixed.channels == 3
    assert fixed.allows(640, 480)
    assert not fixed.allows(480, 640)
    sizes = {"sizes": [{"width": 10, "height": 20}]}
    listed = only(imageType={"width": 640, "height": 480, "colorSpace": "GRAYSCALE", "enumeratedSizes": sizes}).type
    assert listed.channels == 1
    assert listed.allows(10, 20)
    ranges = {"widthRange": {"lowerBound": 5, "upperBound": 9}, "heightRange": {"lowerBound": 1, "upperBound": -1}}
    flexible = only(imageType={"width": 6, "height": 6, "colorSpace": "RGB", "imageSizeRange": ranges}).type
    assert flexible.allows(9, 10**6)
    assert not flexible.allows(10, 6)


def test_the_other_kinds():
    assert only(int64Type={}).type == ScalarType("int64")
    assert only(doubleType={}).type == ScalarType("double")
    assert only(stringType={}).type == ScalarType("string")
    assert only(dictionaryType={"stringKeyType": {}}).type == DictionaryType("string")
    assert only(dictionaryType={"int64KeyType": {}}).type == DictionaryType("int64")
    sequence = {"stringType": {}, "sizeRange": {"lowerBound": 1, "upperBound": 3}}
    assert only(sequenceType=sequence).type == SequenceType("string", SizeRange(1, 3))
    state = {"arrayType": {"shape": [2], "dataType": "FLOAT16"}}
    assert only(stateType=state).type == StateType(ArrayType("float16", (2,)))


def test_functions_metadata_and_systems():
    functions = [{"name": "a", "input": [feature("x", int64Type={})]}, {"name": "b"}]
    metadata = {"author": "me", "license": "MIT", "userDefined": {"names": "{0: 'cat'}"}}
    found = described(functions=functions, defaultFunctionName="a", metadata=metadata, version=9)
    assert list(found.functions) == ["a", "b"]
    assert found.functions["a"].inputs[0].name == "x"
    assert found.default_function == "a"
    assert found.metadata.author == "me"
    assert found.metadata.user["names"] == "{0: 'cat'}"
    assert found.minimum_os == "iOS 18, macOS 15"
    assert "later" in described(version=99).minimum_os


def test_labels_of_classifiers_and_of_pipelines():
    classifier = {"neuralNetworkClassifier": {"int64ClassLabels": {"vector": [3, 5]}}}
    assert described(model=classifier).labels == (3, 5)
    suppression = {"specificationVersion": 8, "nonMaximumSuppression": {"stringClassLabels": {"vector": ["a", "b"]}}}
    stages = [{"specificationVersion": 8, "mlProgram": {"version": 1}}, suppression]
    found = described(model={"pipeline": {"models": stages}})
    assert found.kind == "pipeline"
    assert found.labels == ("a", "b")
    spec = parse_model(encode("Model", {"specificationVersion": 8, "pipeline": {"models": stages}}))
    assert [stage.which("Type") for stage in pipeline_models(spec)] == ["mlProgram", "nonMaximumSuppression"]
    assert described().labels == ()


@pytest.mark.parametrize("kind", [{}, {"imageType": {"width": 1, "height": 1}}])
def test_features_without_a_type_are_refused(kind):
    with pytest.raises(ModelDamaged):
        only(**kind)
