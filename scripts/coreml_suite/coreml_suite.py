"""A pytest plugin that lets coremltools' tests predict through edgerun_coreml. See README.md."""

from __future__ import annotations

import collections
import json
import os
import random
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from coreml_proxy import MLModelProxy
from fp16_rounding import exact_data
from torchvision_operators import provide

STATISTICS: collections.Counter[str] = collections.Counter()
FAILURES: collections.defaultdict[str, list[str]] = collections.defaultdict(list)


def install() -> None:
    """Put the fake library in place and make coremltools believe that it runs on a recent Mac."""
    provide()  # before coremltools looks for it
    library = types.ModuleType("coremltools.libcoremlpython")
    library._MLModelProxy = MLModelProxy  # type: ignore[attr-defined]
    sys.modules["coremltools.libcoremlpython"] = library
    import coremltools.models.model
    import coremltools.models.utils  # noqa: F401

    beliefs = {"_IS_MACOS": True, "_is_macos": lambda: True, "_macos_version": lambda: (26, 0)}
    for name, module in list(sys.modules.items()):
        if name.startswith("coremltools") and module is not None:
            for attribute, value in beliefs.items():
                if hasattr(module, attribute):
                    setattr(module, attribute, value)


install()


def _precision(item: pytest.Item) -> str:
    """``fp32`` or ``fp16``, as the case's backend says; empty if it has none."""
    backend = getattr(item, "callspec", None) and item.callspec.params.get("backend")  # type: ignore[attr-defined]
    if hasattr(backend, "precision"):
        return str(backend.precision)
    return str(backend[1]) if isinstance(backend, tuple) else ""


def _listed(path: str) -> set[str]:
    """The cases that a report has as failed, by the ends of their names."""
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return {_end(line["case"]) for line in lines if line["outcome"].startswith("failed")}


def _end(case: str) -> str:
    return (
        case.rpartition("/")[2]
        if "[" not in case
        else case.partition("[")[0].rpartition("/")[2] + case[case.index("[") :]
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the cases in fp32, or a sample of them, or those that failed in another run."""
    chosen = [item for item in items if _precision(item) in ("", "fp32")]
    sample = int(os.environ.get("COREML_SUITE_SAMPLE", "0"))
    if sample:  # shuffled, so that a smaller sample, or a run that was stopped, is the beginning of a larger one
        random.Random(int(os.environ.get("COREML_SUITE_SEED", "7"))).shuffle(chosen)  # noqa: S311
        chosen = chosen[:sample]
    if again := os.environ.get("COREML_SUITE_AGAIN"):
        failed = _listed(again)
        chosen = [item for item in chosen if _end(item.nodeid) in failed]
    kept = set(map(id, chosen))
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
    items[:] = chosen


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note whether the case predicted, and whether it fails by rounding to fp16 alone."""
    before = MLModelProxy.predictions
    outcome: Any = yield
    item.user_properties.append(("predicted", MLModelProxy.predictions > before))
    if outcome.excinfo is None or "Not equal to tolerance" not in str(outcome.excinfo[1]) or not _names_fp16(item):
        return
    before = MLModelProxy.predictions
    try:
        with exact_data():
            item.runtest()
    except (AssertionError, RuntimeError) as cause:
        item.user_properties.append(("again", str(cause)[:1500]))
        return
    item.user_properties.append(("half", MLModelProxy.predictions > before))


def _names_fp16(item: pytest.Item) -> bool:
    parameters = getattr(item, "callspec", None)
    values = [] if parameters is None else [v for k, v in parameters.params.items() if k != "backend"]
    return bool(re.search("float16|fp16", repr(values)))


def _class_of(message: str) -> str:
    """What failures have in common: the message without its numbers and names."""
    first = next((line for line in message.splitlines() if line.strip()), "")
    if "Not equal to tolerance" in message:
        first = "values differ"
    return re.sub(r"0x[0-9a-f]+|'[^']*'|\d+(\.\d+)?(e[-+]\d+)?", "_", first)[:160]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count a case under its outcome."""
    if report.when == "teardown" or (report.when == "setup" and report.outcome == "passed"):
        return
    properties = dict(report.user_properties)
    half, predicted = bool(properties.get("half")), bool(properties.get("predicted"))
    kind = report.outcome if not (report.failed and half) else "failed, rounded in fp16"
    STATISTICS[kind] += 1
    if report.passed and predicted:
        STATISTICS["passed with a prediction"] += 1
    message = ""
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        message = crash.message if crash else str(report.longrepr)[-400:]
        message += f"\nAGAIN: {properties['again']}" if "again" in properties else ""
        FAILURES["differs by rounding to fp16" if half else _class_of(message)].append(report.nodeid)
    path = os.environ.get("COREML_SUITE_REPORT")
    if path and not os.environ.get("PYTEST_XDIST_WORKER"):
        line = {"case": report.nodeid, "outcome": kind, "predicted": predicted, "message": message[:3000]}
        with Path(path).open("a") as stream:
            stream.write(json.dumps(line) + "\n")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Counts, and failures by class."""
    write = terminalreporter.write_line
    terminalreporter.section("coreml suite")
    for kind, count in sorted(STATISTICS.items()):
        write(f"{count:7d}  {kind}")
    for kind, cases in sorted(FAILURES.items(), key=lambda entry: -len(entry[1])):
        write(f"{len(cases):7d}  {kind}")
        for case in cases[:3]:
            write(f"           {case.rpartition('/')[2]}")
