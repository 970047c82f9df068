"""How a delegate is asked for: the vocabulary, and requests as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerun.contract import ANY
from edgerun.delegates import VOCABULARY, Wish, on_processor
from edgerun.errors import InputError
from edgerun.runtime import installed


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("cpu", "cpu", {}),
        ("openvino:device=GPU,precision=FP32", "openvino", {"device": "GPU", "precision": "FP32"}),
        ("openvino:device=AUTO:GPU,CPU,precision=FP32", "openvino", {"device": "AUTO:GPU,CPU", "precision": "FP32"}),
        ("ethos-u", "ethos-u", {}),
        ("/opt/libx.so", "external", {"library": "/opt/libx.so"}),
        ("qnn:library=libQnnHtp.so", "qnn", {"library": "libQnnHtp.so"}),
        ("external:/opt/libx.so", "external", {"library": "/opt/libx.so"}),
        ("libx.so,key=value", "external", {"library": "libx.so", "key": "value"}),
        ("libedgetpu.so.1", "external", {"library": "libedgetpu.so.1"}),
        ("external:/opt/libx.so,key=value", "external", {"library": "/opt/libx.so", "key": "value"}),
        ("/opt/libx.so,key=value,other=a,b", "external", {"library": "/opt/libx.so", "key": "value", "other": "a,b"}),
        ("external:library=/opt/libx.so", "external", {"library": "/opt/libx.so"}),
        (r"C:\ai\x.dll,key=value", "external", {"library": r"C:\ai\x.dll", "key": "value"}),
        ("./folder", "external", {"library": "./folder"}),
    ],
)
def test_a_request_is_read_from_text(text, name, options):
    wish = Wish.parse(text)
    assert (wish.name, dict(wish.options)) == (name, options)
    assert Wish.parse(str(wish)) == wish


@pytest.mark.parametrize("text", ["", "gpu:", "gpu:fast", "gpu:=1", "gpu:precision=", "g p u", "gpu:FP16,cache=x"])
def test_what_is_not_a_request_is_told_with_the_spelling(text):
    with pytest.raises(InputError, match="delegate") as refusal:
        Wish.parse(text)
    assert "name:option=value" in refusal.value.hint


def test_every_runtime_speaks_the_vocabulary_and_the_page_explains_it():
    page = (Path(__file__).parents[1] / "docs" / "delegates.md").read_text()
    assert not [name for name in VOCABULARY if f"`{name}`" not in page]
    registry = installed.registry()
    offers = [offer for backend in registry.backends if backend.health().ok for offer in registry.offers(backend)]
    assert {offer.name for offer in offers} <= set(VOCABULARY)
    assert not [name for offer in offers for name in offer.takes if name != ANY and f"`{name}`" not in page]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cpu", True),
        ("xnnpack", True),
        ("openvino", True),
        ("openvino:device=CPU", True),
        ("openvino:device=GPU", False),
        ("openvino:device=AUTO:GPU,CPU", False),
        ("openvino:device_type=CPU", True),
        ("openvino:device_type=NPU", False),
        ("coreml", False),
        ("coreml:units=cpu", True),
        ("coreml:units=CPU", True),
        ("coreml:units=ane", False),
        ("coreml:units=all", False),
        ("onnxruntime-fp16", True),
        ("cuda", False),
        ("edgetpu", False),
        ("somebodys-own", True),
    ],
)
def test_what_computes_on_the_processor_is_told_by_the_name_and_its_options(text, expected):
    assert on_processor(Wish.parse(text)) is expected
