"""What a TFLite file says about itself, without any package of TensorFlow's.

Keys that a session gives:

- `tflite.metadata`: JSON. `inputs` and `outputs` list what TFLite Metadata says of each tensor: `tensor` (our name),
  `name`, `content` ("image", "boxes" or ""), `color`, `mean`, `std`, `threshold`, `index`, `type`, `coordinates`,
  `labels`; inputs also have the `dtype` and the `quantization` [scale, zero point] of the tensor.
- `tflite.labels`: the text of the label file.
- `tflite.postprocess`: JSON. What TFLite_Detection_PostProcess gives: `outputs` (our names: boxes, classes, scores,
  count), `scores` (columns that it is fed) and `classes` (those that it counts).
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
COLORS = {1: "rgb", 2: "gray"}
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
    if (operator := post_process(graph, codes)) is not None:
        found["tflite.postprocess"] = json.dumps(_post_process(graph, operator, names))
    try:
        said = _described(model, inputs, outputs, found)
    except Damaged as cause:
        raise ModelUnreadable(f"The metadata of {path} are damaged: {cause}.", hint="export it again") from cause
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                _unpack(path, archive, said, found)
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

        content["classes"] = int(flexbuffers.GetRoot(operator.raw(5)).AsMap["num_classes"].AsInt)
    except (ImportError, ValueError, TypeError, LookupError, ArithmeticError, struct.error) as cause:
        content["unread"] = str(cause) or type(cause).__name__
    return content


def _described(
    model: Table, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], found: dict[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """TFLite Metadata of the first graph, per tensor; custom entries go to `found`."""
    buffers = model.tables(4)
    places = {entry.text(0): entry.number(1, "I") for entry in model.tables(6)}
    places = {name: place for name, place in places.items() if place < len(buffers)}
    if "edgerun" in places:
        found["edgerun"] = buffers[places["edgerun"]].raw(0)
    if "TFLITE_METADATA" in places:
        for graph in flatbuffers.root(buffers[places["TFLITE_METADATA"]].raw(0)).tables(3)[:1]:
            found.update({f"tflite.custom.{custom.text(0)}": custom.raw(1) for custom in graph.tables(9)})
            said = {
                "inputs": [_tensor(one) | {"tensor": spec.name} for one, spec in zip(graph.tables(2), inputs)],  # noqa: B905
                "outputs": [_tensor(one) | {"tensor": spec.name} for one, spec in zip(graph.tables(3), outputs)],  # noqa: B905
            }
            for one, spec in zip(said["inputs"], inputs):  # noqa: B905 - a file may describe fewer tensors than it has
                quantization = spec.quantization
                one["dtype"] = spec.dtype
                one["quantization"] = quantization and [quantization.scale[0], quantization.zero_point[0]]
            found["tflite.metadata"] = json.dumps(said)
            return said
    return {"inputs": [], "outputs": []}


def _tensor(one: Table) -> dict[str, Any]:
    said: dict[str, Any] = {"name": one.text(0), "content": ""}
    content = one.table(3)
    kind, properties = (content.number(0, "B"), content.table(1)) if content is not None else (0, None)
    if properties is not None and kind == 2:
        said |= {"content": "image", "color": COLORS.get(properties.number(0, "b"), "")}
    elif properties is not None and kind == 3:
        said |= {"content": "boxes", "index": properties.numbers(0, "I")}
        said |= {"type": BOX_TYPES.get(properties.number(1, "b"), "")}
        said |= {"coordinates": "pixel" if properties.number(2, "b") == 1 else "ratio"}
    for unit in one.tables(4):
        kind, options = unit.number(0, "B"), unit.table(1)
        if options is not None and kind == 1:
            said |= {"mean": options.numbers(0, "f"), "std": options.numbers(1, "f")}
        elif options is not None and kind == 3:
            said["threshold"] = options.number(0, "f")
    files = [file for file in one.tables(6) if file.number(2, "b") in LABELS and file.text(0) not in EXPORTERS]
    files.sort(key=lambda file: file.text(3) not in ("", "en"))  # labels may come in several languages
    return said | ({"labels": files[0].text(0)} if files else {})


def _unpack(path: Path, archive: zipfile.ZipFile, said: dict[str, Any], found: dict[str, Any]) -> None:
    """The texts that matter; no other member is unpacked."""
    members = archive.namelist()
    named = [entry["labels"] for entry in said["outputs"] if entry.get("labels") in members]
    loose = [member for member in members if "label" in member.lower() and member.endswith(".txt")]
    wanted = {key: key for key in EXPORTERS if key in members}
    if named or len(loose) == 1:
        wanted["tflite.labels"] = (named or loose)[0]
    for key, member in wanted.items():
        size = archive.getinfo(member).file_size  # no more than this is ever unpacked
        if size > LARGEST:
            raise ModelUnsafe(f"{member} in {path} unpacks to {size} bytes.", hint=f"labels fit in {LARGEST}")
        found[key] = archive.read(member).decode("utf-8", "replace")
