"""The house stands as it was drawn: floors, laziness, doors."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import edgerun

PACKAGE = Path(edgerun.__file__).parent

FLOORS = [
    {"errors", "tensors", "boxes", "candidates", "card", "graph"},
    {
        "contract",
        "hookspecs",
        "buffers",
        "delegates",
        "preprocess",
        "nms",
        "images",
        "draw",
        "sniff",
        "threads",
        "cache",
        "race",
        "probe",
        "masks",
    },
    {"decoders", "cards", "replay", "detections", "image_input", "models", "archives"},
    {"plugins", "report", "house", "tuned", "opening", "interpretation"},
    {"detector", "stream"},
    {
        "bench",
        "compare",
        "evaluate",
        "inspection",
        "doctor",
        "sources",
        "writers",
        "bundle",
        "testing",
        "readings",
        "settling",
        "steadiness",
        "truth",
        "gallery",
        "embedding",
        "support",
        "parity",
        "lanes",
        "tune",
    },
    {"cli", "__main__"},
]
"""A module imports from floors below its own, and from its own floor."""

DOORS = {"hookimpl", "contract", "tensors", "errors"}
"""What a plugin may import of edgerun; `testing` in its tests."""


def rooms(path: Path) -> set[str]:
    """First-level rooms of edgerun that a file imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "edgerun":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edgerun."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("edgerun.")}
    return found


def floor(room: str) -> int:
    for number, names in enumerate(FLOORS):
        if room in names:
            return number
    raise AssertionError(f"the room {room} stands on no floor; put it into FLOORS")


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_floor_and_below(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    public = {"Detector": "detector", "Detections": "detections", "hookimpl": "hookspecs", "__version__": "errors"}
    above = {room for room in rooms(path) if floor(public.get(room, room)) > floor(own)}
    assert not above, f"{own} is on floor {floor(own)} and imports from above: {above}"


def plugin_files() -> list[Path]:
    folder = PACKAGE.parent / "plugins"
    return sorted(folder.glob("edgerun-*/edgerun_*/**/*.py"))


@pytest.mark.parametrize("path", plugin_files(), ids=lambda path: "/".join(path.parts[-2:]))
def test_a_plugin_comes_through_the_door(path):
    assert rooms(path) <= DOORS


RUNTIMES = {"onnxruntime", "ai_edge_litert", "tflite_runtime", "executorch", "torch", "coremltools", "tensorflow"}


@pytest.mark.parametrize(
    "code",
    ["import edgerun", "import edgerun.detector, edgerun.runtime.installed; edgerun.runtime.installed.registry()"],
)
def test_importing_and_listing_load_no_runtime(code):
    script = f"import sys, json; {code}; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(ran.stdout)}
    assert not loaded & RUNTIMES
    if code == "import edgerun":
        assert not loaded & {"numpy", "cv2", "rich", "typer", "pluggy"}


def test_public_names_are_what_they_say():
    for name in edgerun.__all__:
        assert getattr(edgerun, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        edgerun.nonsense  # noqa: B018
    assert (PACKAGE / "py.typed").exists()
