"""Unlucky and hostile Core ML files by the thousand, and a child process that opens them.

Run as a script it opens cases FIRST to LAST of a seed and prints a line for each:
    python hostile.py FOLDER SEED FIRST LAST [FILES...]
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Bundle = dict[str, bytes]
"""Files of a package by their path inside it, or the one file of a lone model under the name ""."""

SECRET = "secret.bin"
"""Lies beside every case and must never be opened."""

EXTRA_MEMORY = 1 << 30
"""Bytes of address space above what the process has after its imports."""

MODEL = "Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"
MANIFEST = "Manifest.json"


# --------------------------------------------------------------------------------------- sound models


def sound(extra: list[Path]) -> list[Bundle]:
    """The models that are damaged: small ones made here, and those given."""
    from damaged_program import detector
    from model_files import array, classifier, colours, doubling, image, model, passing, suppression
    from wire_format import encode

    program, weights = detector()
    flexible = model(
        passing("p", "out", (1, 3, None, None)), [image("p", 8, 8, ranges=((4, -1), (4, 64)))], [array("out")]
    )
    network = {
        "specificationVersion": 4,
        "description": {"input": [image("p", 8, 8)], "output": [array("out")]},
        "neuralNetwork": {
            "layers": [
                {"name": "scale", "input": ["p"], "output": ["s"], "activation": {"linear": {"alpha": 0.5}}},
                {
                    "name": "product",
                    "input": ["s"],
                    "output": ["out"],
                    "innerProduct": {
                        "inputChannels": 192,
                        "outputChannels": 4,
                        "weights": {"floatValue": [0.5] * 768},
                    },
                },
            ],
            "preprocessing": [{"featureName": "p", "scaler": {"channelScale": 0.5, "redBias": 1.0}}],
        },
    }
    lone = [
        classifier(["cat", "dog"]),
        suppression(3),
        flexible,
        network,
        model(doubling(), [array("x", 1, 4)], [array("y")]),
    ]
    bundles: list[Bundle] = [
        {MANIFEST: manifest(), MODEL: program, WEIGHTS: weights},
        {MANIFEST: manifest(), MODEL: encode("Model", colours())},
        *({"": encode("Model", content)} for content in lone),
    ]
    return bundles + [loaded(path) for path in extra]


def manifest(path: Any = "com.apple.CoreML/model.mlmodel") -> bytes:
    return json.dumps({"rootModelIdentifier": "A", "itemInfoEntries": {"A": {"path": path}}}).encode()


def loaded(path: Path) -> Bundle:
    if path.is_file():
        return {"": path.read_bytes()}
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}


# --------------------------------------------------------------------------------------- ways of damage


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 3, 30])):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def with_wild_numbers(data: bytes, chance: random.Random) -> bytes:
    """Lengths, sizes and counts replaced by enormous ones."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 2, 5])):
        place = chance.randrange(len(changed))
        number = varint(chance.choice([1 << 20, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, (1 << 64) - 1]))
        changed[place : place + chance.randrange(2)] = number
    return bytes(changed)


def with_wild_sizes(data: bytes, chance: random.Random) -> bytes:
    """Small numbers of one byte after a key of the dimension kind replaced, their messages left whole."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 3, 10])):
        place = chance.randrange(len(changed))
        changed[place] = chance.choice([0, 0x7F, chance.randrange(128)])
    return bytes(changed)


def rearranged(data: bytes, chance: random.Random) -> bytes:
    """A piece removed, doubled or put elsewhere."""
    start = chance.randrange(len(data))
    piece = data[start : start + chance.randrange(1, 2000)]
    place = chance.randrange(len(data))
    return {
        0: data[:start] + data[start + len(piece) :],
        1: data[:place] + piece + data[place:],
        2: data[:place] + chance.randbytes(len(piece)) + data[place + len(piece) :],
    }[chance.randrange(3)]


def nested(data: bytes, chance: random.Random) -> bytes:
    """Messages inside messages: pipelines in pipelines, blocks in blocks, in place of the model."""
    depth = chance.choice([10, 90, 97, 1000, 20_000])
    field = chance.choice([202, 200, 502])
    content = b""
    for _ in range(depth):
        inner = varint(1 << 3 | 2) + varint(len(content)) + content
        content = varint(1 << 3) + b"\x08" + varint(field << 3 | 2) + varint(len(inner)) + inner
        if len(content) > 1_000_000:
            break
    return content


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


BYTES: list[Callable[[bytes, random.Random], bytes]] = [
    cut, flipped, flipped, with_wild_numbers, with_wild_sizes, rearranged, nested,
]  # fmt: skip

PATHS = (
    "../" + SECRET, "../../" + SECRET, "../../../../" + SECRET, "/etc/passwd", "com.apple.CoreML/../../../" + SECRET,
    "..\\" + SECRET, "C:\\" + SECRET, "", ".", "com.apple.CoreML", "com.apple.CoreML/model.mlmodel/", "\0", "a" * 5000,
    7, None, ["com.apple.CoreML/model.mlmodel"], {"path": "x"}, "/dev/zero", "//" + SECRET,
)  # fmt: skip


def damaged(bundle: Bundle, chance: random.Random) -> Bundle:
    """One file of the model damaged."""
    names = [name for name in bundle if bundle[name]]
    victim = chance.choices(names, [1 if name == MANIFEST else 2 if "weight" in name else 6 for name in names])[0]
    if victim == MANIFEST and chance.random() < 0.7:
        return bundle | {MANIFEST: manifest(chance.choice(PATHS))}
    if victim != MANIFEST and "weight" not in victim and chance.random() < 0.15:
        return bundle | {victim: with_other_blob_path(bundle[victim], chance)}
    return bundle | {victim: chance.choice(BYTES)(bundle[victim], chance)}


def with_other_blob_path(data: bytes, chance: random.Random) -> bytes:
    """Weights elsewhere: the name is replaced by one of the same length."""
    old = b"@model_path/weights/weight.bin"
    new = chance.choice(
        [b"@model_path/../../../secret.bin", b"@model_path/../../../../secret.bi", b"/../../../../etc/passwd"]
    )
    return data.replace(old, new.ljust(len(old), b"/")[: len(old)])


# --------------------------------------------------------------------------------------- on disk


def place(bundle: Bundle, folder: Path, chance: random.Random) -> Path:
    """The model as a folder, an archive or a lone file."""
    if "" in bundle:
        path = folder / "case.mlmodel"
        path.write_bytes(bundle[""])
        return path
    if chance.random() < 0.2:
        return archive(bundle, folder / "case.mlpackage", chance)
    root = folder / "case.mlpackage"
    for name, content in bundle.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    if chance.random() < 0.1:
        link(root, chance)
    return root


def link(root: Path, chance: random.Random) -> None:
    """One file or folder of the package becomes a link to what lies outside."""
    victim = chance.choice([path for path in root.rglob("*") if path.exists()])
    if victim.is_dir():
        shutil.rmtree(victim)
    else:
        victim.unlink()
    victim.symlink_to(chance.choice([root.parent / SECRET, root.parent, Path("/dev/zero"), victim]))


def archive(bundle: Bundle, path: Path, chance: random.Random) -> Path:
    """A zip archive, sometimes a bomb, sometimes with members that climb out, sometimes cut."""
    trick = chance.random()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in bundle.items():
            if trick < 0.2 and name == chance.choice(list(bundle)):
                with target.open(name, "w") as stream:  # 200 MB of zeros in 200 kB
                    for _ in range(200):
                        stream.write(bytes(1 << 20))
            elif trick < 0.4:
                target.writestr("../../" + name, content)
                target.writestr(name, content)
            else:
                target.writestr(name, content)
    data = path.read_bytes()
    if trick > 0.7:
        path.write_bytes(chance.choice([cut, flipped])(data, chance) or b"PK\x03\x04")
    return path


# --------------------------------------------------------------------------------------- the child


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(folder: Path, seed: int, first: int, last: int, extra: list[Path]) -> None:
    import onnxruntime

    from edgerun.contract import Delegate
    from edgerun.errors import EdgerunError
    from edgerun_coreml.backend import CoreMLBackend

    onnxruntime.set_default_logger_severity(4)
    backend, delegate = CoreMLBackend(), Delegate("onnxruntime")
    backend.graph(backend.specimen)
    backend.needs(backend.specimen)
    backend.open(backend.specimen, delegate, 1).close()  # everything is imported now
    bundles = sound(extra)
    outside: list[str] = []
    current = folder

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or isinstance(arguments[0], int):
            return
        name = os.path.realpath(os.fsdecode(arguments[0]))
        inside = name.startswith(str(current))
        if not inside and name.startswith((str(folder), "/etc", "/dev")):
            outside.append(name)

    sys.addaudithook(watch)
    (folder / SECRET).write_bytes(b"secret")
    current = folder / "nothing"
    (folder / SECRET).read_bytes()
    if not outside:
        raise SystemExit("the watch on files does not see them")
    limit = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + EXTRA_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(first, last):
        chance = random.Random(f"{seed} {number}")
        home = folder / f"{number:05d}"
        home.mkdir()
        path = place(damaged(chance.choice(bundles), chance), home, chance)
        current, outside[:] = path, []
        say("start", number)
        started = time.process_time()
        verdict = "opened"
        try:
            backend.graph(path)
            backend.needs(path)
            session = backend.open(path, delegate, 1)
            session.close()
        except EdgerunError as refusal:
            verdict = "refused" if refusal.message and refusal.hint else "refused without a word"
        except MemoryError:
            verdict = "memory"
        except Exception as surprise:
            verdict = f"{type(surprise).__name__}: {str(surprise)[:200]!r}"
        seconds = time.process_time() - started
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
        current = folder
        say("done", json.dumps([number, verdict, round(seconds, 3), grown, outside]))
        shutil.rmtree(home)


if __name__ == "__main__":
    sys.path[:0] = json.loads(os.environ["HOSTILE_PATH"])
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), [Path(name) for name in sys.argv[5:]])
