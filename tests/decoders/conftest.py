"""Made-up heads: every test file here says in HEADS how its families write boxes down; the kit reads them all.

HEADS: name of a decoder -> dict of
    encode: (objects, height, width, random) -> outputs that hold these objects and, everywhere else, nothing.
        An object is (x1, y1, x2, y2, score, class) in model pixels; keypoints are at its corners and middle.
    sizes: (height, width) that the head may have; the first is used where one does. Defaults to three.
    large: a size at which it has 10,000 rows and more; None for heads of a fixed length.
    image: shape of the picture's input less the batch: "chw" (default) or "hwc"; picture: its name; inputs: names of
        further inputs.
    unit: whether it answers in 0..1. card: card fields that must be said. said: those that trial runs of a network
        would settle, and rows that are made up cannot. rivals: decoders that may read it as well,
        so that it is refused unless the decoder is named. keypoints: how many.
    loose: how far scores may be off. count: of objects, 3 if nothing is said.
    rows: (height, width, random) -> objects, for heads that cannot hold any.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from edgerun import Detector, decoders
from edgerun.card import ModelCard
from edgerun.contract import Delegate, Evidence, Frame, Health, TensorSpec
from edgerun.interpretation import card_fields, decoder_choice
from edgerun.runtime.registry import Registry

SIZES = ((320, 320), (256, 416), (512, 384), (736, 1280))
LARGE = (1280, 1280)


def gathered():
    """Name of a decoder, variant -> its head, of all test files in this folder."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        name = f"heads_of_{path.stem}"
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        for key, head in getattr(sys.modules[name], "HEADS", {}).items():
            assert key not in found, f"two heads are called {key}"
            found[key] = {"decoder": key.split("/")[0], "name": key, **head}
    return found


@pytest.fixture
def all_heads():
    """Name -> head, of all test files."""
    return gathered()


def stacks(head):
    """Whether all outputs have an axis for several pictures."""
    size = head.get("sizes", SIZES)[0]
    outputs = head["encode"](np.empty((0, 6)), *size, np.random.default_rng(0))
    return all(array.ndim and array.shape[0] == 1 for array in outputs.values())


def pytest_generate_tests(metafunc):
    """Fills in `head`, `large_head` (with 10,000 rows and more), `pointed_head` (with keypoints), `stacked_head` (that
    takes several pictures at once), `head_and_size`.
    """
    heads = gathered()
    chosen = {
        "head": lambda: heads,
        "large_head": lambda: {name: head for name, head in heads.items() if head.get("large", LARGE) is not None},
        "stacked_head": lambda: {
            name: head
            for name, head in heads.items()
            if not head.get("inputs") and (name.startswith("end2end-batched") or stacks(head))
        },
        "pointed_head": lambda: {name: head for name, head in heads.items() if head.get("keypoints")},
        "head_and_size": lambda: {
            f"{name}-{height}x{width}": (head, (height, width))
            for name, head in heads.items()
            for height, width in head.get("sizes", SIZES)
        },
    }
    for fixture, choose in chosen.items():
        if fixture in metafunc.fixturenames:
            values = choose()
            metafunc.parametrize(fixture, values.values(), ids=values.keys())


def _evidence(head, size, outputs, /, *, blank=None, **said):
    height, width = size
    shape = (1, height, width, 3) if head.get("image") == "hwc" else (1, 3, height, width)
    image = TensorSpec(head.get("picture", "images"), shape, head.get("dtype", "float32"))
    said = {**head.get("card", {}), **said, "height": height, "width": width}
    card = ModelCard()
    for name, value in said.items():
        card = card_fields.with_field(card, name, value, "argument")
    restored = {name: array.astype(np.float32) for name, array in outputs.items()}
    empty = restored if blank is None else {name: array.astype(np.float32) for name, array in blank.items()}
    inputs = (image, *(TensorSpec(name, (1, 2), "int64") for name in head.get("inputs", ())))
    specs = [TensorSpec(name, array.shape, str(array.dtype)) for name, array in outputs.items()]
    return Evidence(
        inputs, specs, image, card, MappingProxyType({}), lambda kind: dict(restored if kind == "textured" else empty)
    )


@pytest.fixture
def evidence():
    """(head, size, outputs, blank=None, **card fields) -> what is known of a model with these outputs."""
    return _evidence


@pytest.fixture
def read():
    """(head, size, outputs, conf=0.25, probe=None) -> (decoder, candidates in model pixels), as the detector does.

    `probe`: the outputs of the run that the decoder is chosen by; None for these.
    """

    def run(head, size, outputs, conf=0.25, probe=None):
        known = _evidence(head, size, outputs if probe is None else probe)
        if head.get("rivals"):
            known = _evidence(head, size, outputs if probe is None else probe, decoder=head["decoder"])
        choice = decoder_choice.choose(known, decoders.BUILTIN)
        card = card_fields.with_conventions(known.card, choice.match)
        floats = {name: array.astype(np.float32) for name, array in outputs.items()}
        candidates = choice.decode(floats, Frame(*size, conf, card))
        return choice.decoder.name, _in_pixels(candidates, card)

    return run


class Session:
    """Answers with made-up outputs, one after the other for each picture that it is shown; with the last one before."""

    delegate, metadata = "cpu", MappingProxyType({})

    def __init__(self, head, size, probe, batch, joined):
        height, width = size if batch is not None or head.get("image") == "hwc" else (None, None)
        shape = (batch, height, width, 3) if head.get("image") == "hwc" else (batch, 3, height, width)
        self.inputs = [TensorSpec(head.get("picture", "images"), shape, head.get("dtype", "float32"))]
        self.probe, self.joined, self.waiting = probe, joined, []
        answer = joined([probe] * (batch or 1))
        self.outputs = [
            TensorSpec(name, array.shape if batch else (None, *array.shape[1:]), str(array.dtype))
            for name, array in answer.items()
        ]

    def run(self, feeds):
        count = len(feeds[self.inputs[0].name])
        shown = [self.waiting.pop(0) if self.waiting else self.probe for _ in range(count)]
        return self.joined(shown)

    def coverage(self):
        return None

    def close(self):
        pass


class Backend:
    """Opens one session."""

    name, formats, specimen = "kit", ("kit",), Path("specimen.kit")

    def __init__(self, session):
        self.session = session

    def health(self):
        return Health(True)

    def delegates(self):
        return [Delegate("cpu")]

    def open(self, path, delegate, threads):
        return self.session


def _joined(answers, *, numbered):
    """Outputs of several pictures as a model gives them: along the first axis, or in one list with their number."""
    if numbered:
        answers = [
            {
                name: np.column_stack((np.full(len(array), slot, np.float32), array[:, 1:]))
                for name, array in answer.items()
            }
            for slot, answer in enumerate(answers)
        ]
    return {name: np.concatenate([answer[name] for answer in answers]).astype(answers[0][name].dtype)
            for name in answers[0]}  # fmt: skip


@pytest.fixture
def shown(tmp_path):
    """(head, size, answers, probe, batch=None) -> detections of the whole path of a frame, of a model that gives these
    outputs for pictures of just its size; `batch`: pictures at a time, None where the file leaves it open.
    """

    def run(head, size, answers, probe, batch=None):
        decoder = next(entry for entry in decoders.BUILTIN if entry.name == head["decoder"])
        joined = partial(_joined, numbered=not decoder.batched)
        session = Session(head, size, probe, batch, joined)
        path = tmp_path / "model.kit"
        path.write_bytes(b"made up")
        said = {**head.get("card", {}), **head.get("said", {})}
        if head.get("rivals"):
            said["decoder"] = head["decoder"]
        if None in session.inputs[0].shape[1:]:
            said["imgsz"] = size
        registry = Registry(backends=[Backend(session)], decoders=decoders.BUILTIN)
        with Detector.load(path, registry=registry, **said) as detector:
            session.waiting = list(answers)
            picture = np.zeros((*size, 3), np.uint8)
            return detector([picture] * len(answers), nms="none", conf=0.25)

    return run


def _in_pixels(candidates, card):
    from edgerun.detector import _in_pixels as scaled

    return scaled(candidates, card) if card.box_units == "unit" else candidates


@pytest.fixture
def size(request):
    """The first size of the head that a test is about."""
    names = ("head", "large_head", "pointed_head", "stacked_head")
    head = next(request.getfixturevalue(name) for name in names if name in request.fixturenames)
    return head.get("sizes", SIZES)[0]


def objects_of(count, height, width, classes, random):
    """Boxes that lie inside and differ in place, size, shape and class."""
    rows = []
    for number in range(count):
        wide, high = random.uniform(0.12, 0.35, 2) * (min(width, 320), min(height, 320))
        x, y = random.uniform(0.02, 0.98, 2) * (width - wide - 4, height - high - 4) + 2
        rows.append((x, y, x + wide, y + high, random.uniform(0.5, 0.95), number * 7 % classes))
    return np.array(rows).reshape(-1, 6)


@pytest.fixture
def objects():
    """(head, size, seed=0) -> objects [count, 6] that it can hold: x1 y1 x2 y2 score class."""

    def made(head, size, seed=0):
        random = np.random.default_rng(seed)
        if "rows" in head:
            return head["rows"](*size, random)
        return objects_of(head.get("count", 3), *size, head.get("classes", 4), random)

    return made
