"""Makes the virtual environment that a make target needs, and nothing when it is there already.

usage: python3 scripts/environment.py FOLDER demo [FORMATS] | test
FORMATS: all, or some of onnx, tflite, coreml, executorch, torchscript with commas; onnx, which the demo runs on, is
always there.

Kept to what Python 3.6 can read, so that an old one can say what is missing.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
ALONE = ["rtmlib"]
"""Referees that come without their dependencies: these are further OpenCVs, which would overwrite ours."""


PLUGINS = {
    "onnx": "plugins/edgerun-onnxruntime",
    "tflite": "plugins/edgerun-tflite",
    "coreml": "plugins/edgerun-coreml",
    "executorch": "plugins/edgerun-executorch",
    "torchscript": "plugins/edgerun-torchscript",
}
"""What runs each format, by the name of the extra."""


def chosen(formats: str) -> "list[str]":
    """The formats that a list with commas names, with onnx. Raises ValueError for one that is not known."""
    names = list(PLUGINS) if formats == "all" else [name.strip() for name in formats.split(",") if name.strip()]
    for name in names:
        if name not in PLUGINS:
            raise ValueError(f"no format {name}: FORMATS is all, or some of {', '.join(PLUGINS)} with commas")
    return [name for name in PLUGINS if name == "onnx" or name in names]


def distributions(kind: str, formats: str = "onnx") -> "list[str]":
    """What pip installs, editable: the demo needs ONNX Runtime and the formats asked for, the tests every plugin."""
    if kind == "demo":
        names = chosen(formats)
        return [".[{}]".format(",".join(names)), *(PLUGINS[name] for name in names)]
    return [".[all,dev]", *sorted(f"plugins/{path.parent.name}" for path in ROOT.glob("plugins/*/pyproject.toml"))]


def run(*command: str) -> int:
    """Run in the project's folder; the constraints hold for the tools that build the wheels too."""
    environment = dict(os.environ, PIP_CONSTRAINT=str(CONSTRAINTS))
    return subprocess.run(command, cwd=str(ROOT), env=environment, check=False).returncode


def main(folder: Path, kind: str, formats: str = "onnx") -> str:
    """Create the environment and install into it; gives the sentence that says why not, or ""."""
    try:
        wanted = distributions(kind, formats)
    except ValueError as cause:
        return str(cause)
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):
        return f"edgerun needs Python 3.11 or newer; {sys.executable} is {found}. Name one: make PYTHON=python3.12"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists() and run(sys.executable, "-m", "venv", str(folder)):
        return "Python cannot make a virtual environment: install its venv, on Debian by: apt-get install python3-venv"
    sys.stdout.write(f"installing what `make {kind}` needs into {folder}\n")
    sys.stdout.flush()
    editable = [part for name in wanted for part in ("--editable", name)]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if run(*pip, "--constraint", str(CONSTRAINTS), *editable):
        return f"pip could not install what `make {kind}` needs; its own words are above."
    if kind == "test" and run(*pip, "--constraint", str(CONSTRAINTS), "--no-deps", *ALONE):
        return "pip could not install " + ", ".join(ALONE) + "; its own words are above."
    (folder / (".test" if kind == "test" else f".demo-{formats}")).touch()
    return ""


if __name__ == "__main__":
    most = {"demo": 4, "test": 3}.get(sys.argv[2] if len(sys.argv) > 2 else "", 0)
    if len(sys.argv) > most:
        sys.exit("usage: python3 scripts/environment.py FOLDER demo [FORMATS] | test")
    sys.exit(main(Path(sys.argv[1]).resolve(), *sys.argv[2:]) or 0)
