"""Real models with the results of independently written reference decoders: each is right or refused, none wrong."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from edgerun import Detector, boxes
from edgerun.errors import BackendMissing, BackendUnavailable, EdgerunError

pytestmark = pytest.mark.zoo

SAME_SCORE = 1e-4
"""The manifest gives four digits."""

MAY_BE_REFUSED: frozenset[str] = frozenset()
"""Models of the manifest that another honest reader would have to ask about."""

SCORE_TOLERANCES = {"coreml/yolov8n_nms_int8.mlpackage": 0.15}
"""Where the manifest's own is too narrow: it expects the scores of the network before its weights were compressed; with
the unpacked weights put into that very network, ONNX Runtime gives one refrigerator 0.42 that was 0.28."""


OTHER_PROCESSORS = {
    "tflite/yolov8n_litert_w8a32.tflite": 0.05,
    "tflite/ssd_mobilenet_v3_large_coco_postprocess_dynint8.tflite": 0.07,
    "tflite/mediapipe_ssd_mobilenet_v2_256_int8.tflite": 0.05,
}
"""How far one score moves where the last bit of what is fed does (docs/eight-bit.md): so much may a processor differ
from the manifest's, which has AVX-512. On such a one the manifest's own tolerance holds."""


def is_another_processor() -> bool:
    """Whether floats may be rounded otherwise than where the manifest was made."""
    told = Path("/proc/cpuinfo")
    return not told.is_file() or "avx512f" not in told.read_text()


@pytest.fixture(scope="module")
def manifest(shared):
    content = json.loads((shared / "models" / "manifest.json").read_text())
    entries = {entry["path"]: entry for entry in content["models"]}
    for entry in entries.values():
        if "expected_from" in entry:
            entry["expected"] = entries[entry["expected_from"]]["expected"]
        if entry["path"] in SCORE_TOLERANCES:
            entry["tolerance"]["score"] = SCORE_TOLERANCES[entry["path"]]
        if entry["path"] in OTHER_PROCESSORS and is_another_processor():
            entry["tolerance"]["score"] = OTHER_PROCESSORS[entry["path"]]
    return entries


def paths() -> list[str]:
    """Collected without the fixture, so that each model is a test of its own."""
    manifest = Path(__file__).resolve().parents[2] / "shared" / "models" / "manifest.json"
    if not manifest.is_file():
        return ["none"]
    return [entry["path"] for entry in json.loads(manifest.read_text())["models"]]


@pytest.mark.parametrize("path", paths())
def test_a_real_model_is_right_or_refused(shared, manifest, path, record_property):
    entry = manifest[path]
    if entry["task"] == "classify":
        pytest.skip(f"{path}: classification has a test of its own")
    if not entry.get("expected"):
        pytest.skip(f"{path}: the manifest has no results for it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a suffix that lies is named elsewhere
            detector = Detector.load(shared / "models" / path)
    except (BackendMissing, BackendUnavailable) as absent:
        pytest.skip(f"{path}: {absent.message}")
    except EdgerunError:
        record_property("verdict", "refused")
        if path not in MAY_BE_REFUSED:
            raise
        return
    with detector:
        for picture, expected in entry["expected"].items():
            found = detector(shared / "images" / picture, conf=0.15, max_det=1000)
            candidates = detector(shared / "images" / picture, conf=0.15, max_det=100_000, nms="none")
            wrong = differences(expected, found, candidates, entry["tolerance"], detector.iou)
            assert not wrong, f"{path} on {picture}: " + "; ".join(wrong[:4])
    record_property("verdict", "right")


def differences(expected, found, candidates, tolerance, iou) -> list[str]:
    """What is missing and what is too much, matched as sets of (class, box) within the tolerance.

    Rows whose score is within the tolerance of the threshold 0.25 may be on either side of it. Integer models give many
    overlapping candidates the very same score, and which of them suppression keeps is a matter of sorting: one may
    stand for the other.
    """
    wrong = []
    unused = set(range(len(found)))
    for row in sorted(expected, key=lambda entry: -entry["score"]):
        overlap = overlaps(row, found)
        matching = [index for index in same(row, found, tolerance, overlap) if index in unused]
        if not matching and same(row, candidates, tolerance, overlaps(row, candidates)):
            matching = [
                index
                for index in unused
                if same_class(row["label"], found, index)
                and abs(found.score[index] - row["score"]) < SAME_SCORE
                and overlap[index] > iou
            ]
        if matching:
            unused.discard(max(matching, key=lambda index: overlap[index]))
        elif row["score"] >= 0.25 + tolerance["score"]:
            wrong.append(f"missing {row['label']} {row['score']} {row['box']}")
    wrong.extend(
        f"too much: {found.label[index]} {found.score[index]:.3f} {found.xyxy[index].round(1).tolist()}"
        for index in unused
        if found.score[index] >= 0.25 + tolerance["score"]
    )
    return wrong


def overlaps(row, found):
    """IoU of an expected row with every row found."""
    return boxes.iou(np.array([row["box"]], np.float32), found.xyxy)[0] if len(found) else np.empty(0)


def same(row, found, tolerance, overlap) -> list[int]:
    """Rows that are the expected one."""
    # a box of a few pixels cannot keep an IoU of 0.95 through rounding to a tenth of a pixel
    near = (overlap >= tolerance["iou"]) | (np.abs(found.xyxy - np.array(row["box"])).max(axis=1) < 1)
    near &= np.abs(found.score - row["score"]) <= tolerance["score"]
    return [index for index in np.flatnonzero(near) if same_class(row["label"], found, index)]


def same_class(label, found, index) -> bool:
    """By name where the file says names, else by the number in the training set."""
    from edgerun.card.labels import COCO, COCO91

    if found.names:
        return found.label[index] == label
    number = int(found.class_id[index])
    return label == "face" or label in COCO[number : number + 1] or label in COCO91[number : number + 1]
