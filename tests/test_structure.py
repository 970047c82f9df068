"""The layout is as it was drawn: floors, no circles, short files, doors for plugins and families, no runtime too early.

Each part is a function over a folder, tried first on a made-up tree that breaks it.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import edgerun

PACKAGE = Path(edgerun.__file__).parent
ROOT = PACKAGE.parent
PLUGINS = sorted(ROOT.glob("plugins/edgerun-*/edgerun_*"))

FLOORS = (
    {"errors", "notebook", "tensors", "wire"},
    {"card", "boxes", "media", "models"},
    {"contract", "formats", "processing"},
    {"graphs", "dialects", "detections", "delegates", "hookspecs"},
    {"heads", "replay"},
    {"decoders"},
    {"runtime", "arguments"},
    {"interpretation", "suppression"},
    {"report", "frame", "calls"},
    {"detector"},
    {"stream"},
    {"tools", "testing"},
    {"cli"},
    {"__main__"},
)
"""Files and folders of edgerun/ from the ground up; each imports from floors strictly below its own, and itself."""

PUBLIC = {
    "Detection": "detections",
    "Detections": "detections",
    "Detector": "detector",
    "EdgerunError": "errors",
    "ModelCard": "card",
    "__version__": "errors",
    "hookimpl": "hookspecs",
}
"""Name in `edgerun` itself -> the module that it is from."""

PLUGIN_DOORS = ("hookimpl", "contract", "tensors", "errors", "wire")
"""What a runtime's plugin imports of edgerun; `testing` besides in its tests."""

FAMILY_DOORS = ("contract", "tensors", "errors", "boxes", "heads", "graphs", "card.labels")
"""What a family imports of edgerun; `hookimpl` besides in a plugin."""

MAX_LINES = 300

TABLES = {
    "edgerun_coreml/file/schema_neural_network.py": "the messages of Apple's NeuralNetwork.proto, a line for each field"
}
"""Files that may be longer, and what they list."""


# ---------------------------------------------------------------------------------------------- the checks


def imports(code: str) -> Iterator[str]:
    """Dotted names that are imported, inside functions and for type checking too: "edgerun.heads.grids.cells"."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def of_edgerun(code: str) -> Iterator[str]:
    """What is imported of edgerun, less "edgerun."; public names as they are."""
    for name in imports(code):
        if name.startswith("edgerun."):
            yield name.removeprefix("edgerun.")


def room(name: str) -> str:
    """The first part of a path or an import below edgerun/."""
    first = re.split(r"[./]", name)[0]
    return PUBLIC.get(first, first)


def floor(name: str) -> int:
    for number, names in enumerate(FLOORS):
        if name in names:
            return number
    raise AssertionError(f"{name} is on no floor; put it into FLOORS")


def upward(path: Path, package: Path) -> set[str]:
    """Rooms that a module imports and that are not on a floor below its own."""
    own = room(str(path.relative_to(package).as_posix()).removesuffix(".py"))
    others = {room(name) for name in of_edgerun(path.read_text())} - {own}
    return {other for other in others if floor(other) >= floor(own)}


def circle(package: Path) -> list[str]:
    """Modules of a package that import each other in a circle; [] where there is none."""
    paths = {dotted(path, package): path for path in package.rglob("*.py")}
    graph = {}
    for module, path in paths.items():
        wanted = {longest(name, paths) for name in imports(path.read_text())}
        graph[module] = wanted - {module, "", package.name if package.name == "edgerun" else ""}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cause:
        return list(cause.args[1])
    return []


def dotted(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def longest(name: str, modules: dict[str, Path]) -> str:
    """The module that an imported name is from: it or the longest beginning of it; "" for another package's."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def too_long(package: Path) -> dict[str, int]:
    """File -> its lines, of those with too many."""
    found = {}
    for path in package.rglob("*.py"):
        lines = len(path.read_text().splitlines())
        name = path.relative_to(package.parent).as_posix()
        if lines > MAX_LINES and name not in TABLES:
            found[name] = lines
    return found


def past_the_doors(code: str, doors: tuple[str, ...]) -> set[str]:
    """What is imported of edgerun and is not behind one of these doors."""
    return {name for name in of_edgerun(code) if not any(f"{name}.".startswith(f"{door}.") for door in doors)}


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]
FAMILIES = [path for path in sorted((PACKAGE / "decoders").glob("*.py")) if path.name != "__init__.py"]
PLUGIN_FILES = [path for package in PLUGINS for path in sorted(package.rglob("*.py"))]
CODE_OF_THE_PAGE = re.findall(r"```python\n(.*?)```", (ROOT / "plugins" / "README.md").read_text(), re.DOTALL)


# ---------------------------------------------------------------------------------------------- the tree


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_a_module_imports_only_from_floors_below_its_own(path):
    assert not upward(path, PACKAGE)


@pytest.mark.parametrize("package", [PACKAGE, *PLUGINS], ids=names)
def test_no_modules_import_each_other_in_a_circle(package):
    assert not circle(package)


@pytest.mark.parametrize("package", [PACKAGE, *PLUGINS], ids=names)
def test_no_file_is_too_long_to_be_read_at_once(package):
    assert not too_long(package)


def test_a_table_that_is_exempt_needs_to_be():
    for name in TABLES:
        (path,) = ROOT.glob(f"plugins/*/{name}")
        assert len(path.read_text().splitlines()) > MAX_LINES


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=names)
def test_a_plugin_comes_through_its_doors(path):
    assert not past_the_doors(path.read_text(), PLUGIN_DOORS)


@pytest.mark.parametrize("path", FAMILIES, ids=names)
def test_a_family_comes_through_its_doors(path):
    assert not past_the_doors(path.read_text(), FAMILY_DOORS)


@pytest.mark.parametrize("code", CODE_OF_THE_PAGE, ids=range(len(CODE_OF_THE_PAGE)))
def test_the_plugins_that_the_page_writes_come_through_these_doors_too(code):
    doors = ("testing",) if "import pytest" in code or "edgerun.testing" in code else ("hookimpl", *FAMILY_DOORS)
    assert not past_the_doors(code, doors)


# ---------------------------------------------------------------------------------------------- made-up trees


@pytest.fixture
def tree(tmp_path):
    """Writes a package edgerun of these files: path -> code."""

    def write(files):
        for name, code in files.items():
            path = tmp_path / "edgerun" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code)
        return tmp_path / "edgerun"

    return write


@pytest.mark.parametrize(
    "code",
    [
        "from edgerun.report import Report",
        "from edgerun import Detector",
        "import edgerun.cli.common",
        "from edgerun.formats import sniff",  # the same floor
        "def late():\n    from edgerun import detector",
    ],
)
def test_an_import_from_above_or_beside_is_found(tree, code):
    package = tree({"contract/runtime.py": code})
    assert len(upward(package / "contract/runtime.py", package)) == 1
    below = tree({"contract/runtime.py": "from edgerun import ModelCard\nfrom edgerun.contract.coverage import Placed"})
    assert not upward(below / "contract/runtime.py", below)


def test_a_room_that_is_on_no_floor_is_found(tree):
    package = tree({"cellar/wine.py": "from edgerun.errors import EdgerunError"})
    with pytest.raises(AssertionError, match="cellar is on no floor"):
        upward(package / "cellar/wine.py", package)


@pytest.mark.parametrize(
    "code",
    [
        "from edgerun.heads import grids",
        "from edgerun.heads.grids import cells",
        "import edgerun.heads.grids",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from edgerun.heads.grids import cells",
    ],
)
def test_a_circle_is_found(tree, code):
    files = {"heads/__init__.py": "", "heads/grids.py": "from edgerun.heads import levels", "heads/levels.py": code}
    assert {"edgerun.heads.grids", "edgerun.heads.levels"} <= set(circle(tree(files)))
    assert not circle(tree({**files, "heads/levels.py": "from edgerun.heads.scores import best"}))


def test_a_module_that_imports_from_the_folder_that_imports_it_is_a_circle(tree):
    files = {
        "heads/__init__.py": "from edgerun.heads.grids import cells",
        "heads/grids.py": "from edgerun.heads import x",
    }
    assert {"edgerun.heads", "edgerun.heads.grids"} <= set(circle(tree(files)))


def test_a_long_file_is_found(tree):
    package = tree({"long.py": "x = 1\n" * 301, "whole.py": "x = 1\n" * 300})
    assert too_long(package) == {"edgerun/long.py": 301}


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("from edgerun.processing import nms", "processing.nms"),
        ("from edgerun import Detector", "Detector"),
        ("from edgerun.card import ModelCard", "card.ModelCard"),
        ("from edgerun.decoders import yolox", "decoders.yolox"),
        ("import edgerun.contractual", "contractual"),
    ],
)
def test_a_wrong_door_is_found(code, wrong):
    assert past_the_doors(code, FAMILY_DOORS) == {wrong}
    assert past_the_doors(code, PLUGIN_DOORS) == {wrong}


def test_the_right_doors_are_let_through():
    code = "from edgerun.card.labels import COCO\nfrom edgerun import boxes\nfrom edgerun.heads.grids import cells"
    assert not past_the_doors(code, FAMILY_DOORS)
    assert past_the_doors(code, PLUGIN_DOORS) == {"card.labels.COCO", "boxes", "heads.grids.cells"}


# ---------------------------------------------------------------------------------------------- what is loaded

RUNTIMES = {"onnxruntime", "ai_edge_litert", "tflite_runtime", "executorch", "torch", "coremltools", "tensorflow"}
LISTING = "import edgerun.detector, edgerun.runtime.installed; edgerun.runtime.installed.registry()"


@pytest.mark.parametrize("code", ["import edgerun", LISTING])
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
