"""Mutation testing of the spine: a fresh sample of small faults, each of which some test near it has to notice.

usage: python scripts/mutants.py [--seed N] [--minutes 30] [--mutants 300] [--only TEXT] [--report FILE]

The operators are cosmic-ray's (MIT), which itself runs all mutants of a tree with one command for the tests. Here a
seed draws one mutant of a place in the code, file by file in turn, until time or number is spent. Its tests are run
nearest first: the file of the same name, then the room. Each mutant lives in a copy of the checkout, and each run in a
fork of a process that has already imported what tests import.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2  # noqa: F401 -- what tests import is here before the fork
import numpy  # noqa: F401
import onnx  # noqa: F401
import parso
import pytest  # hypothesis is not here: pytest wants to be before it
from cosmic_ray.operators.provider import OperatorProvider

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("edgerun", "plugins", "tests", "scripts", "demo", "docs", "training", "conftest.py", "pyproject.toml")
COPIED_FILES = ("README.md", "CHANGELOG.md", "constraints.txt", "Makefile", "LICENSE")
SPINE = (
    "edgerun/detector.py",
    "edgerun/frame.py",
    "edgerun/boxes.py",
    "edgerun/calls.py",
    "edgerun/detections/*.py",
    "edgerun/suppression.py",
    "edgerun/processing/*.py",
    "edgerun/media/pixels.py",
    "edgerun/media/draw.py",
    "edgerun/card/*.py",
    "edgerun/interpretation/card_fields.py",
    "edgerun/interpretation/contradictions.py",
    "edgerun/interpretation/claims.py",
    "edgerun/dialects/*.py",
    "edgerun/heads/*.py",
    *(
        f"edgerun/decoders/{name}.py"
        for name in [
            "yolov8",
            "yolov5",
            "yolox",
            "end2end",
            "tfod",
            "ssd",
            "detr",
            "yolo_obb",
            "yolo_pose",
            "yolo_segment",
        ]
    ),
    "edgerun/tools/ground_truth.py",
    "edgerun/tools/agreement.py",
    "edgerun/tools/average_precision.py",
    "plugins/edgerun-onnxruntime/edgerun_onnxruntime/*.py",
    "plugins/edgerun-tflite/edgerun_tflite/*.py",
)
LATER = {"detector": ["tests/test_frame.py"], "boxes": ["tests/processing"]}
"""What comes after the nearest file of a module that has no room."""

WITH_ARGUMENTS = ("VariableReplacer", "VariableInserter", "NoOp")
OPERATORS = {name: OperatorProvider()[name] for name in OperatorProvider() if name not in WITH_ARGUMENTS}
UNTOUCHED = frozenset(
    ("name", "newline", "endmarker", "string", "trailer", "arglist", "argument", "suite", "simple_stmt", "expr_stmt")
)
PUNCTUATION = frozenset(["(", ")", "[", "]", "{", "}", ",", ".", ":", "=", "->", ";"])

LONGEST = 240.0
"""Seconds for the tests of one step."""

KILLED, SURVIVED, SLOW = "killed", "survived", "too slow"


@dataclass(frozen=True)
class Mutant:
    """A file with one fault.

    Attributes:
        path: below the checkout.
        code: of the whole file.
        line: of the fault, from 1.
        change: the line before and after.
    """

    path: str
    code: str
    line: int
    change: str


def places(code: str) -> dict[tuple[int, int], list[tuple[str, int]]]:
    """(line, column) -> (operator, its how-manieth occurrence) that changes something there; not in annotations."""
    found: dict[tuple[int, int], list[tuple[str, int]]] = defaultdict(list)
    untold = annotated(code)
    nodes = list(walked(parso.parse(code)))
    for name, kind in OPERATORS.items():
        operator, occurrence = kind(), 0
        for node in nodes:
            for start, _ in operator.mutation_positions(node):
                if start not in untold:
                    found[start].append((name, occurrence))
                occurrence += 1
    return found


def walked(node: Any) -> Iterator[Any]:
    """The nodes that some operator may change: no names, texts and punctuation, which are most of them."""
    if node.type not in UNTOUCHED and not (node.type == "operator" and node.value in PUNCTUATION):
        yield node
    for child in getattr(node, "children", ()):
        yield from walked(child)


class Untold:
    """Places that do nothing when the program runs: annotations."""

    def __init__(self, spans: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
        self._spans = spans

    def __contains__(self, place: tuple[int, int]) -> bool:
        return any(start <= place < end for start, end in self._spans)


def annotated(code: str) -> Untold:
    """Where the annotations of a file are."""
    spans = []
    for node in ast.walk(ast.parse(code)):
        for field in ("annotation", "returns"):
            told = getattr(node, field, None)
            if isinstance(told, ast.expr):
                spans.append(((told.lineno, told.col_offset), (told.end_lineno, told.end_col_offset)))
    return Untold(spans)


def mutated(code: str, name: str, occurrence: int) -> str:
    """The code with one occurrence of an operator applied."""
    tree, operator = parso.parse(code), OPERATORS[name]()
    for node in walked(tree):
        positions = list(operator.mutation_positions(node))
        if occurrence < len(positions):
            siblings = node.parent.children if node.parent else []
            index = next((number for number, child in enumerate(siblings) if child is node), None)
            changed = operator.mutate(node, occurrence)
            if index is not None and changed is not node:
                siblings[index : index + 1] = [] if changed is None else [changed]
            return str(tree.get_code())
        occurrence -= len(positions)
    raise LookupError(f"{name} does not occur so often")


def sample(paths: list[str], seed: int) -> Iterator[Mutant]:
    """One mutant of each place, in an order that the seed draws, a file after the other."""
    drawn = random.Random(seed)  # noqa: S311
    queues = [drawn_places(path, drawn) for path in paths]
    while queues:
        drawn.shuffle(queues)
        for queue in list(queues):
            mutant = next(queue, None)
            if mutant is None:
                queues.remove(queue)
            else:
                yield mutant


def drawn_places(path: str, drawn: random.Random) -> Iterator[Mutant]:
    """The mutants of a file; it is read when the first of them is wanted."""
    code = (ROOT / path).read_text()
    found = sorted(places(code).items())
    drawn.shuffle(found)
    for (line, _), choices in found:
        changed = mutated(code, *drawn.choice(choices))
        if compiles(changed) and changed != code:
            yield Mutant(path, changed, line, change_of(code, changed))


def compiles(code: str) -> bool:
    """Whether it is Python at all."""
    try:
        compile(code, "mutant", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def change_of(before: str, after: str) -> str:
    """The lines that differ, before → after."""
    lines = [
        line
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
        if line[0] in "+-"
    ]
    return " → ".join(line[1:].strip() for line in lines[2:])


def steps(path: str) -> list[list[str]]:
    """Arguments of pytest for each step, nearest first."""
    parts = Path(path)
    if parts.parts[0] == "plugins":
        room = f"plugins/{parts.parts[1]}/tests"
        own = [f"{room}/test_{parts.stem.strip('_')}.py"]
    else:
        folder = Path("tests", *parts.parts[1:-1])
        room = "" if folder == Path("tests") else folder.as_posix()
        own = [(folder / f"test_{parts.stem.strip('_')}.py").as_posix()]
    found = [[file] for file in own if (ROOT / file).exists()]
    kit = "tests/decoders/test_kit.py"
    if room == "tests/decoders":
        return [*found, [kit, "-k", parts.stem.replace("_", "-")], [room, f"--ignore={kit}"]]
    found += [[room]] if room else [LATER.get(parts.stem, ["tests/test_detector.py"])]
    return [*found, [kit, "-k", "one_row or known_boxes or claimed"]] if room == "tests/heads" else found


def tested(copy: Path, arguments: list[str]) -> int:
    """What pytest exits with, in a process of its own."""
    os.setsid()
    os.chdir(copy)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(silence, stream)
    folders = [str(copy), *map(str, sorted(copy.glob("plugins/edgerun-*")))]
    sys.path[:0] = folders
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not fresh", f"--rootdir={copy}"]
    return int(pytest.main([*options, "-c", str(copy / "pyproject.toml"), *arguments]))


def run(copy: Path, arguments: list[str], seconds: float) -> str:
    """What the tests say of the copy as it stands."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(tested(copy, arguments))
        except BaseException:  # whatever it is, this process must not go on as its parent
            os._exit(1)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return SURVIVED if os.waitstatus_to_exitcode(status) in (0, 5) else KILLED
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return SLOW


class Referee:
    """Judges mutants in a copy of the checkout; a step that takes too long without a fault is left out."""

    def __init__(self, copy: Path) -> None:
        self._copy = copy
        self._seconds: dict[tuple[str, ...], float | None] = {}

    def verdict(self, mutant: Mutant) -> tuple[str, str]:
        """The verdict, and the step that noticed."""
        for arguments in steps(mutant.path):
            seconds = self._limit(tuple(arguments))
            if seconds is None:
                continue
            file = self._copy / mutant.path
            original = file.read_text()
            file.write_text(mutant.code)
            try:
                found = run(self._copy, arguments, seconds)
            finally:
                file.write_text(original)
            if found != SURVIVED:  # a loop that does not end is noticed too
                return KILLED, arguments[0]
        return SURVIVED, ""

    def _limit(self, arguments: tuple[str, ...]) -> float | None:
        """Four times what the tests take without a fault; None where they fail then or take too long."""
        if arguments not in self._seconds:
            begun = time.monotonic()
            good = run(self._copy, list(arguments), LONGEST) == SURVIVED
            self._seconds[arguments] = 20 + 4 * (time.monotonic() - begun) if good else None
            if not good:
                print(f"left out, since it does not pass unchanged: {' '.join(arguments)}", flush=True)
        return self._seconds[arguments]


def equivalents() -> dict[tuple[str, str], str]:
    """(path, change) -> why it changes nothing that anybody sees."""
    table = ROOT / "scripts" / "equivalent_mutants.txt"
    rows = [re.split(r" \| ", line) for line in table.read_text().splitlines() if line and line[0] != "#"]
    return {(path, change): why for path, change, why in rows}


def report(seed: int, tally: dict[str, list[int]], survivors: list[Mutant], excused: list[tuple[Mutant, str]]) -> str:
    """The table by file, the survivors and the equivalent ones, as Markdown."""
    lines = [f"Seed {seed}. Equivalent mutants are not counted.", "", "| file | mutants | killed |", "|---|---:|---:|"]
    lines += [f"| `{path}` | {total} | {killed} |" for path, (total, killed) in sorted(tally.items())]
    total, killed = (sum(counts[place] for counts in tally.values()) for place in (0, 1))
    lines += [f"| all | {total} | {killed} ({killed / max(total, 1):.0%}) |", "", "Survivors:", ""]
    lines += [f"- `{mutant.path}:{mutant.line}`: `{mutant.change}`" for mutant in survivors]
    lines += ["", "Equivalent:", ""]
    lines += [f"- `{mutant.path}:{mutant.line}`: `{mutant.change}`: {why}" for mutant, why in excused]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Sample, judge, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--only", default="", help="files whose path holds this text")
    parser.add_argument("--report", type=Path, help="also write the table there")
    asked = parser.parse_args()
    sys.dont_write_bytecode = True
    ends = time.monotonic() + asked.minutes * 60
    paths = sorted({path.relative_to(ROOT).as_posix() for pattern in SPINE for path in ROOT.glob(pattern)})
    paths = [path for path in paths if asked.only in path and not path.endswith("__init__.py")]
    known = equivalents()
    tally: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    survivors, excused = [], []
    with tempfile.TemporaryDirectory(prefix="mutants") as folder:
        copy = Path(folder, "checkout")
        for name in COPIED + COPIED_FILES:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "out"))
            else:
                copy.mkdir(exist_ok=True)
                shutil.copy(source, copy / name)
        referee = Referee(copy)
        for mutant in sample(paths, asked.seed):
            if time.monotonic() > ends or sum(total for total, _ in tally.values()) >= asked.mutants:
                break
            why = known.get((mutant.path, mutant.change))
            if why is not None:
                excused.append((mutant, why))
                continue
            verdict, step = referee.verdict(mutant)
            tally[mutant.path][0] += 1
            tally[mutant.path][1] += verdict == KILLED
            if verdict == SURVIVED:
                survivors.append(mutant)
            print(f"{verdict:9} {mutant.path}:{mutant.line} {mutant.change}  {step}", flush=True)
    text = report(asked.seed, tally, survivors, excused)
    print(text)
    if asked.report:
        asked.report.write_text(text)


if __name__ == "__main__":
    main()
