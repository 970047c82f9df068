"""What a TFLite file says about itself, without any package of TensorFlow's.

Keys that a session gives:

- `tflite.metadata`: JSON. `inputs` and `outputs` list what TFLite Metadata says of each tensor: `tensor` (our name),
  `name`, `content` ("image", "boxes" or ""), `color`, `mean`, `std`, `threshold`, `calibration` (of scores, its
  transformation), `index`, `type`, `coordinates`, `labels`; inputs also have the `dtype` and the `quantization`
  [scale, zero point] of the tensor.
- `tflite.labels`: the text of the label file.
- `tflite.postprocess`: JSON. What TFLite_Detection_PostProcess gives: `outputs` (our names: boxes, classes, scores,
  count), `scores` (columns that it is fed), `classes` (those that it counts) and `rows_of_each` (rows for each box that
  the count counts, where they are several).
- `edgerun`: the text of a sidecar, from the model's metadata of that name.
- `tflite.custom.NAME`: custom metadata, bytes.
- `metadata.json`, `temp_meta.txt`: those members of the archive at the end of the file, as they are.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgerun.errors import ModelUnreadable, ModelUnsafe
from edgerun.tensors import TensorSpec
from edgerun.wire import Damaged, flatbuffers
from edgerun.wire.flatbuffers import Table
from edgerun_tflite.signatures import post_process

__all__ = ["LARGEST", "read"]

LARGEST = 4 << 20
"""Bytes that a text in the archive may unpack to; ten thousand long labels are a tenth of that."""
EXPORTERS = ("metadata.json", "temp_meta.txt")
"""Ultralytics' own texts."""
IMAGE, BOXES = 2, 3
"""Kinds of ContentProperties."""
NORMALIZATION, SCORE_CALIBRATION, SCORE_THRESHOLDING = 1, 2, 3
"""Kinds of ProcessUnitOptions."""
COLORS = {1: "rgb", 2: "gray"}
TRANSFORMATIONS = {0: "identity", 1: "log", 2: "inverse logistic"}
"""What a score goes through before its calibration."""
BOX_TYPES = {1: "boundaries", 2: "upper-left", 3: "center"}
LABELS = (2, 3)
"""Kinds of associated files: names along an axis, and names of values."""


def read(path: Path, model: Table, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> dict[str, Any]:
    """The keys above; {} where the file says nothing.

    Raises:
        ModelUnreadable: metadata or archive are damaged.
        ModelUnsafe: a member of the archive unpacks to more than `LARGEST`.
    """
    found: dict[str, Any] = {}
    graph, codes = model.tables(2)[0], [code.text(1) for code in model.tables(1)]
    names = dict(zip(graph.numbers(2), (spec.name for spec in outputs), strict=True))
    operator = post_process(graph, codes)
    if operator is not None:
        found["tflite.postprocess"] = json.dumps(_post_process(graph, operator, names))
    try:
        tensors = _described(model, inputs, outputs, found)
    except Damaged as cause:
        raise ModelUnreadable(f"The metadata of {path} are damaged: {cause}.", hint="export it again") from cause
    if zipfile.is_zipfile(path):
        label_files = [tensor["labels"] for tensor in tensors["outputs"] if tensor.get("labels")]
        try:
            with zipfile.ZipFile(path) as archive:
                found |= _unpacked(path, archive, label_files)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as cause:
            raise ModelUnreadable(f"The archive in {path} is damaged: {cause}.", hint="export it again") from cause
    return found


def _post_process(graph: Table, operator: Table, names: dict[int, str]) -> dict[str, Any]:
    content: dict[str, Any] = {"outputs": [names[index] for index in operator.numbers(2)]}
    fed = operator.numbers(1)
    if len(fed) > 1 and 0 <= fed[1] < len(graph.tables(0)):
        content["scores"] = (graph.tables(0)[fed[1]].numbers(0) or (0,))[-1]
    try:
        from flatbuffers import flexbuffers  # comes with ai-edge-litert

        options = flexbuffers.GetRoot(operator.raw(5)).AsMap
        content["classes"] = int(options["num_classes"].AsInt)
        if (rows := _rows_of_each(options)) > 1:
            content["rows_of_each"] = rows
    except (ImportError, ValueError, TypeError, LookupError, ArithmeticError, struct.error) as cause:
        content["unread"] = str(cause) or type(cause).__name__
    return content


def _rows_of_each(options: Any) -> int:
    """Rows for each box that the operator counts: one per class that it may give to a box, but in its regular form."""
    given = {key.AsKey for key in options.Keys}
    regular = "use_regular_nms" in given and bool(options["use_regular_nms"].AsBool)
    if regular or "max_classes_per_detection" not in given:
        return 1
    return max(1, int(options["max_classes_per_detection"].AsInt))


def _described(
    model: Table, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], found: dict[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """TFLite Metadata of the first graph, per tensor; custom entries go to `found`."""
    tensors: dict[str, list[dict[str, Any]]] = {"inputs": [], "outputs": []}
    contents = _named_buffers(model)
    if "edgerun" in contents:
        found["edgerun"] = contents["edgerun"].raw(0)
    if "TFLITE_METADATA" not in contents:
        return tensors
    for graph in flatbuffers.root(contents["TFLITE_METADATA"].raw(0)).tables(3)[:1]:
        found.update({f"tflite.custom.{custom.text(0)}": custom.raw(1) for custom in graph.tables(9)})
        for one, spec in zip(graph.tables(2), inputs):  # noqa: B905 - a file may describe fewer tensors than it has
            tensors["inputs"].append(_tensor(one) | {"tensor": spec.name} | _stored(spec))
        for one, spec in zip(graph.tables(3), outputs):  # noqa: B905
            tensors["outputs"].append(_tensor(one) | {"tensor": spec.name})
        found["tflite.metadata"] = json.dumps(tensors)
    return tensors


def _named_buffers(model: Table) -> dict[str, Table]:
    """Name of metadata -> the buffer that holds them."""
    buffers = model.tables(4)
    places = {entry.text(0): entry.number(1, "I") for entry in model.tables(6)}
    return {name: buffers[place] for name, place in places.items() if place < len(buffers)}


def _stored(spec: TensorSpec) -> dict[str, Any]:
    """How a tensor is stored."""
    quantization = spec.quantization
    line = quantization and [quantization.scale[0], quantization.zero_point[0]]
    return {"dtype": spec.dtype, "quantization": line}


def _tensor(one: Table) -> dict[str, Any]:
    """What a TensorMetadata says."""
    known: dict[str, Any] = {"name": one.text(0), "content": ""} | _content(one)
    for unit in one.tables(4):
        known |= _process_unit(unit.number(0, "B"), unit.table(1))
    files = [file for file in one.tables(6) if _is_label_file(file)]
    files.sort(key=lambda file: file.text(3) not in ("", "en"))  # labels may come in several languages
    if files:
        known["labels"] = files[0].text(0)
    return known


def _content(one: Table) -> dict[str, Any]:
    """What kind of thing a tensor holds."""
    content = one.table(3)
    properties = None if content is None else content.table(1)
    if content is None or properties is None:
        return {}
    kind = content.number(0, "B")
    if kind == IMAGE:
        return {"content": "image", "color": COLORS.get(properties.number(0, "b"), "")}
    if kind == BOXES:
        return {
            "content": "boxes",
            "index": properties.numbers(0, "I"),
            "type": BOX_TYPES.get(properties.number(1, "b"), ""),
            "coordinates": "pixel" if properties.number(2, "b") == 1 else "ratio",
        }
    return {}


def _process_unit(kind: int, options: Table | None) -> dict[str, Any]:
    """What is done to a tensor before or after the run."""
    if options is not None and kind == NORMALIZATION:
        return {"mean": options.numbers(0, "f"), "std": options.numbers(1, "f")}
    if options is not None and kind == SCORE_THRESHOLDING:
        return {"threshold": options.number(0, "f")}
    if options is not None and kind == SCORE_CALIBRATION:
        return {"calibration": TRANSFORMATIONS.get(int(options.number(0, "b")), "unknown")}
    return {}


def _is_label_file(file: Table) -> bool:
    return file.number(2, "b") in LABELS and file.text(0) not in EXPORTERS


def _unpacked(path: Path, archive: zipfile.ZipFile, label_files: Sequence[str]) -> dict[str, str]:
    """The texts that matter; no other member is unpacked."""
    members = archive.namelist()
    wanted = {key: key for key in EXPORTERS if key in members}
    named = [name for name in label_files if name in members]
    loose = [member for member in members if "label" in member.lower() and member.endswith(".txt")]
    if named or len(loose) == 1:
        wanted["tflite.labels"] = (named or loose)[0]
    return {key: _text(path, archive, member) for key, member in wanted.items()}


def _text(path: Path, archive: zipfile.ZipFile, member: str) -> str:
    size = archive.getinfo(member).file_size  # no more than this is ever unpacked
    if size > LARGEST:
        raise ModelUnsafe(f"{member} in {path} unpacks to {size} bytes.", hint=f"labels fit in {LARGEST}")
    return archive.read(member).decode("utf-8", "replace")
