"""The dialect of RapidAI and PaddleOCR: names of classes in an ONNX file, one a line, under the key "character".

Their layout and table detectors carry their classes so; models that recognise text carry their alphabet, which a
detector's outputs then do not fit.
Source: rapidocr 3.10.0 (Apache-2.0), inference_engine/onnxruntime/main.py, get_character_list: `splitlines`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgerun.contract import Dialect
from edgerun.dialects.readers.fields import as_text, some

__all__ = ["DIALECT", "KEY"]

KEY = "character"


def _read(metadata: Mapping[str, str | bytes], path: Path) -> dict[str, Any]:
    return some(labels=as_text(metadata.get(KEY, "")).splitlines())


DIALECT = Dialect("rapidai", _read)
