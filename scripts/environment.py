"""Makes the virtual environment that a make target needs, and nothing when it is there already.

usage: python3 scripts/environment.py FOLDER demo|test

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


def distributions(kind: str) -> "list[str]":
    """What pip installs, editable: the demo needs ONNX Runtime alone, the tests every plugin."""
    if kind == "demo":
        return [".[onnx]", "plugins/edgerun-onnxruntime"]
    return [".[all,dev]", *sorted(f"plugins/{path.parent.name}" for path in ROOT.glob("plugins/*/pyproject.toml"))]


def run(*command: str) -> int:
    """Run in the project's folder; the constraints hold for the tools that build the wheels too."""
    environment = dict(os.environ, PIP_CONSTRAINT=str(CONSTRAINTS))
    return subprocess.run(command, cwd=str(ROOT), env=environment, check=False).returncode


def main(folder: Path, kind: str) -> str:
    """Create the environment and install into it; gives the sentence that says why not, or ""."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):
        return f"edgerun needs Python 3.11 or newer; {sys.executable} is {found}. Name one: make PYTHON=python3.12"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists() and run(sys.executable, "-m", "venv", str(folder)):
        return "Python cannot make a virtual environment: install its venv, on Debian by: apt-get install python3-venv"
    sys.stdout.write(f"installing what `make {kind}` needs into {folder}\n")
    sys.stdout.flush()
    editable = [part for name in distributions(kind) for part in ("--editable", name)]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if run(*pip, "--constraint", str(CONSTRAINTS), *editable):
        return f"pip could not install what `make {kind}` needs; its own words are above."
    if kind == "test" and run(*pip, "--constraint", str(CONSTRAINTS), "--no-deps", *ALONE):
        return "pip could not install " + ", ".join(ALONE) + "; its own words are above."
    (folder / f".{kind}").touch()
    return ""


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[2] not in ("demo", "test"):
        sys.exit("usage: python3 scripts/environment.py FOLDER demo|test")
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2]) or 0)
