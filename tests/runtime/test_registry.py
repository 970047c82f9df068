"""Plugins that are good, broken, misspelt or in conflict, and a stranger's distributions, really installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import types
import venv
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerun import ModelCard, hookimpl
from edgerun.contract import Decoder, Delegate, Dialect, Evidence, Frame, Health, Match, Sure, TensorSpec
from edgerun.errors import BackendMissing, PluginError
from edgerun.runtime.installed import BUILTIN
from edgerun.runtime.registry import Registry

ROOT = Path(__file__).resolve().parents[2]


class Backend:
    name, formats, specimen = "mine", ("mine",), Path(__file__)

    def health(self):
        return Health(ok=True, version="1")

    def delegates(self):
        return [Delegate("cpu")]

    def open(self, path, delegate, threads):
        raise RuntimeError("nothing here")


def plugin(**hooks):
    """A module that answers these hooks."""
    module = types.ModuleType("a_plugin")
    for name, answer in hooks.items():
        setattr(module, name, hookimpl(answer))
    return module


def admitted(*plugins):
    registry = Registry.load(BUILTIN, entry_points=[])
    for number, module in enumerate(plugins):
        registry.admit(f"plugin{number}", module, "a-distribution", "1.0")
    return registry


def test_a_backend_is_let_in_and_found_by_format():
    registry = admitted(plugin(edgerun_register_backends=lambda: [Backend()]))
    assert [backend.name for backend in registry.backends_for("mine")] == ["mine"]
    assert not registry.failures
    assert registry.plugins[-1].hooks == ("edgerun_register_backends",)


def test_decoders_dialects_and_delegates_are_let_in():
    decoder = Decoder("mine", lambda evidence: Match(Sure.NO, "never"), lambda outputs, frame: None)
    registry = admitted(
        plugin(
            edgerun_register_decoders=lambda: [decoder],
            edgerun_register_dialects=lambda: [Dialect("mine", lambda metadata, path: {})],
            edgerun_register_delegates=lambda backend: [Delegate("npu")] if backend == "replay" else [],
        )
    )
    assert registry.decoders[-1] is decoder
    assert registry.dialects[-1].name == "mine"
    assert [offer.name for offer in registry.offers(registry.backend("replay"))] == ["cpu", "npu"]


def test_a_plugin_that_raises_is_kept_as_a_failure():
    def broken():
        raise RuntimeError("no licence")

    registry = admitted(plugin(edgerun_register_backends=broken))
    (failure,) = registry.failures
    assert "no licence" in failure.message
    assert "RuntimeError" in failure.trace
    assert registry.backend("replay")


def test_a_misspelt_hook_is_not_silence():
    registry = admitted(plugin(edgerun_register_backend=lambda: [Backend()]))
    (failure,) = registry.failures
    assert "edgerun_register_backend" in failure.message


def test_a_hook_that_asks_for_too_much_is_told():
    registry = admitted(plugin(edgerun_register_backends=lambda config: []))
    (failure,) = registry.failures
    assert "config" in failure.message


def test_a_plugin_without_hooks_is_told_which_there_are():
    (failure,) = admitted(types.ModuleType("empty")).failures
    assert "edgerun_register_dialects" in failure.message


def test_a_second_backend_of_a_name_does_not_replace_the_first():
    first, second = Backend(), Backend()
    registry = admitted(
        plugin(edgerun_register_backends=lambda: [first]), plugin(edgerun_register_backends=lambda: [second])
    )
    assert registry.backend("mine") is first
    assert "second" in registry.failures[0].message


def test_what_is_no_backend_is_told_what_it_lacks():
    class Half:
        name = "half"
        formats = ()

    (failure,) = admitted(plugin(edgerun_register_backends=lambda: [Half()])).failures
    for missing in ("health", "open", "specimen", "delegates"):
        assert missing in failure.message


def test_an_entry_point_that_cannot_be_imported_is_kept(monkeypatch):
    registry = Registry.load(BUILTIN, entry_points=[EntryPoint("broken", "no_such_module_at_all", "edgerun")])
    (failure,) = registry.failures
    assert failure.plugin == "broken"
    assert "no_such_module_at_all" in failure.message


def test_the_environment_says_which_plugins_are_used(monkeypatch):
    found = [EntryPoint(name, "no_such_module_at_all", "edgerun") for name in ("a", "b", "c")]
    monkeypatch.setenv("EDGERUN_PLUGINS", "b, c")
    assert [failure.plugin for failure in Registry.load(BUILTIN, entry_points=found).failures] == ["b", "c"]


def test_an_absent_runtime_is_told_how_to_install():
    with pytest.raises(BackendMissing, match="tflite") as refusal:
        admitted().backends_for("tflite")
    assert refusal.value.hint == 'pip install "edgerun[tflite]"'
    with pytest.raises(BackendMissing, match="TensorRT engine"):
        admitted().backends_for("tensorrt")
    with pytest.raises(PluginError, match="no backend mars"):
        admitted().backend("mars")


# ----------------------------------------------------------------- a stranger's distributions, really installed

STRANGER = '''
"""A made-up format: "VOLUME" then four numbers; boxes are where the picture is bright."""
import json
from pathlib import Path
import numpy as np
from edgerun import hookimpl
from edgerun.contract import Delegate, Health, TensorSpec

class Session:
    delegate, metadata = "cpu", {}
    def __init__(self, path):
        content = json.loads(path.read_text())
        self._double = content["kind"] == "double"
        if self._double:
            self.inputs, self.outputs = [TensorSpec("x", (1, 4))], [TensorSpec("y", (1, 4))]
        else:
            self.inputs = [TensorSpec("image", (1, 32, 32, 3))]
            self.outputs = [TensorSpec("rows", (1, 7, 6))]
        self._open = True
    def run(self, feeds):
        if not self._open:
            raise RuntimeError("closed")
        (x,) = feeds.values()
        if self._double:
            return {"y": x * 2}
        rows = [[0, 0, 16, 16], [16, 0, 32, 16], [0, 16, 16, 32], [16, 16, 32, 32]]
        rows += [[0, 0, 1, 1]] * 3
        scored = [[*row, x[0, row[1]:row[3], row[0]:row[2]].mean(), 0] for row in rows]
        return {"rows": np.array([sorted(scored, key=lambda row: -row[4])], np.float32)}
    def coverage(self):
        return None
    def close(self):
        self._open = False

class Backend:
    name, formats = "stranger", ("stranger",)
    specimen = Path(__file__).with_name("double.stranger")
    def health(self):
        return Health(ok=True, version="1.0")
    def delegates(self):
        return [Delegate("cpu")]
    def open(self, path, delegate, threads):
        return Session(path)

@hookimpl
def edgerun_register_backends():
    return [Backend()]
'''

CONFORMANCE = """
import pytest
from edgerun.testing import BackendConformance
from edgerun_stranger import Backend

class TestConformance(BackendConformance):
    runtime_modules = ("stranger_runtime",)

    @pytest.fixture
    def backend(self):
        return Backend()
"""

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "{name}"
version = "1.0"
[project.entry-points.edgerun]
{entry} = "{module}"
[tool.hatch.build.targets.wheel]
packages = ["{module}"]
"""

USE = """
import sys, numpy as np, json
from edgerun import Detector
from edgerun.runtime.installed import registry
picture = np.zeros((64, 64, 3), np.uint8)
picture[32:, 32:] = 255
detector = Detector.load(sys.argv[1])
print(json.dumps({"rows": detector(picture).to_list(), "failures": [f.message for f in registry().failures]}))
"""


@pytest.fixture
def install_strangers(tmp_path):
    """A virtual environment with all that this one has, and a function that installs distributions on top."""
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    (site,) = environment.rglob("site-packages")
    paths = [path for path in sys.path if path.endswith("site-packages")] + [str(ROOT)]
    (site / "below.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in paths))

    def install(*folders):
        command = [str(python), "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
        subprocess.run([*command, *map(str, folders)], check=True)
        return str(python)

    return install


def run(*command, check=True, **options):
    ran = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert ran.returncode == 0 or not check, ran.stderr
    return ran


@pytest.mark.fresh
def test_a_strangers_distributions_are_installed_used_and_when_broken_reported(tmp_path, install_strangers):
    """One runs a made-up format through the whole Detector and passes the conformance kit; one raises on import."""
    for name, entry, code in (
        ("edgerun-stranger", "stranger", STRANGER),
        ("edgerun-broken", "broken", "raise OSError('libfoo.so.3 is missing')\n"),
    ):
        module = name.replace("-", "_")
        folder = tmp_path / name / module
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(code)
        (folder / "double.stranger").write_text('{"kind": "double"}')
        (tmp_path / name / "pyproject.toml").write_text(PROJECT.format(name=name, entry=entry, module=module))
    python = install_strangers(tmp_path / "edgerun-stranger", tmp_path / "edgerun-broken")
    model = tmp_path / "bright.stranger"
    model.write_text('{"kind": "bright"}')
    used = run(python, "-c", USE, str(model)).stdout
    assert '"box": [32.0, 32.0, 64.0, 64.0]' in used
    assert "libfoo.so.3 is missing" in used
    (tmp_path / "test_stranger.py").write_text(CONFORMANCE)
    kit = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_stranger.py", cwd=tmp_path, check=False)
    assert kit.returncode == 0, kit.stdout
    doctor = run(python, "-m", "edgerun", "doctor", check=False)
    assert doctor.returncode == 1
    assert "libfoo.so.3" in doctor.stdout
    assert "stranger" in doctor.stdout


def written(chapter):
    """The pyproject, the module and the test that a chapter of plugins/README.md writes."""
    page = (ROOT / "plugins" / "README.md").read_text()
    (text,) = (part for part in re.split(r"^# ", page, flags=re.MULTILINE) if part.startswith(chapter))
    (project,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    code, kit = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return project, code, kit


@pytest.mark.fresh
def test_the_family_that_the_readme_writes_works(tmp_path, install_strangers):
    """Installed, it passes the kit that our own families pass, and is listed with what it brings."""
    project, code, kit = written("A family in fifteen minutes")
    folder = tmp_path / "edgerun-sides"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(project)
    (folder / "edgerun_sides.py").write_text(code)
    (tmp_path / "test_sides.py").write_text(kit)
    python = install_strangers(folder)
    ran = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sides.py", cwd=tmp_path, check=False)
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"3\d passed, 1 skipped", ran.stdout), ran.stdout  # it has no keypoints, and everything else
    listed = json.loads(run(python, "-m", "edgerun", "plugins", "--json").stdout)
    assert ("sides", ["sides"]) in [(plugin["name"], plugin["decoders"]) for plugin in listed["plugins"]]


def test_the_family_of_one_call_that_the_readme_writes_is_read():
    """Corners on a grid of three anchors a cell: what the page declares finds the one object that is written down."""
    page = (ROOT / "plugins" / "README.md").read_text()
    (code,) = re.findall(r"```py\n(.*?)```", page, re.DOTALL)
    module: dict[str, Any] = {}
    exec(code, module)
    (decoder,) = module["edgerun_register_decoders"]()
    random, cells = np.random.default_rng(3), 3 * (40 * 40 + 20 * 20 + 10 * 10)
    rows = np.zeros((cells, 7), np.float32)
    for start, stride in ((0, 8), (4800, 16), (6000, 32)):
        side = 320 // stride
        centres = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2) * stride + stride / 2
        centres = np.tile(centres, (3, 1))
        half = random.uniform(0.6, 2, (len(centres), 2)) * stride
        rows[start : start + len(centres), :4] = np.concatenate((centres - half, centres + half), 1)
    rows[:, 4], rows[:, 5:] = random.uniform(0, 0.02, cells), random.uniform(0, 0.9, (cells, 2))
    rows[7, 4:] = 0.8, 0.1, 0.5
    image, output = TensorSpec("images", (1, 3, 320, 320)), TensorSpec("output", (1, cells, 7))
    card = ModelCard(height=320, width=320, labels=("cat", "dog"))
    evidence = Evidence([image], [output], image, card, {}, lambda kind: {"output": rows[None]})
    match = decoder.matches(evidence)
    assert match.sure > Sure.NO, match.why
    assert match.conventions["resize"] == "stretch"
    found = match.decode({"output": rows[None]}, Frame(320, 320, 0.25, card))
    np.testing.assert_allclose(found.boxes, rows[7:8, :4])
    np.testing.assert_allclose(found.scores, [0.4], atol=1e-6)
    assert found.classes.tolist() == [1]


@pytest.mark.fresh
def test_the_plugin_that_the_readme_writes_works(tmp_path, install_strangers, colours, squares):
    """Its code is taken from plugins/README.md, installed, run through the kit and through a detector."""
    project, code, kit = written("A runtime in fifteen minutes")
    package = tmp_path / "edgerun-cv2" / "edgerun_cv2"
    package.mkdir(parents=True)
    (tmp_path / "edgerun-cv2" / "pyproject.toml").write_text(project)
    (package / "__init__.py").write_text(code)
    specimen = ROOT / "plugins" / "edgerun-onnxruntime" / "edgerun_onnxruntime" / "double.onnx"
    shutil.copy(specimen, package / "double.onnx")
    (tmp_path / "test_cv2.py").write_text(kit)
    python = install_strangers(tmp_path / "edgerun-cv2")
    ran = run(python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "test_cv2.py", cwd=tmp_path, check=False)
    assert ran.returncode == 0, ran.stdout
    model = colours(metadata={"names": "['red', 'green', 'blue']", "stride": "32"})
    np.save(tmp_path / "squares.npy", squares)
    compare = (
        "import sys, numpy as np; from edgerun import Detector; picture = np.load(sys.argv[2])\n"
        "names = ['red', 'green', 'blue']\n"
        "ours, theirs = (Detector.load(sys.argv[1], backend=name, labels=names) for name in ('onnxruntime', 'cv2'))\n"
        "print(len(ours(picture)) and ours(picture).to_list() == theirs(picture).to_list(), theirs)"
    )
    assert run(python, "-c", compare, str(model), str(tmp_path / "squares.npy")).stdout.startswith("True <Detector")
