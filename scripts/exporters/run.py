"""Exports models by the newest releases of exporters, and reads them with edgerun: one line for each.

usage: python scripts/exporters/run.py [PART ...]
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "coreml_suite")]

PARTS = ("mediapipe", "formats", "libreyolo")
"""The quickest first."""


def main(parts: list[str]) -> str:
    """Runs the parts and prints their lines; gives a sentence where one of them is wrong, or ""."""
    importlib.import_module("torchvision_operators").provide()
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    for part in parts:
        print(f"== {part}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            for line in importlib.import_module(f"of_{part}").lines(Path(folder)):
                counts[line.verdict] += 1
                print(line, flush=True)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    return f"{counts['wrong']} models are read wrongly." if counts["wrong"] else ""


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(PARTS)
    if unknown:
        sys.exit(f"usage: python scripts/exporters/run.py [{' | '.join(PARTS)}]")
    sys.exit(main(sys.argv[1:] or list(PARTS)) or 0)
