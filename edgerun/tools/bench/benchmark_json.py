"""A bench as JSON in the form of pytest-benchmark, so that its `compare` and histogram read it.

The keys are those that pytest-benchmark 5.3.1 writes (stats.py, `Stats.fields`; storage/file.py and table.py, what they
read). What it has no key for stands in each benchmark's `extra_info`, and below "edgerun".
"""

from __future__ import annotations

import datetime
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from edgerun import __version__
from edgerun.runtime import cpu_cores
from edgerun.tools.bench.bench import Bench, Benched
from edgerun.tools.bench.comparison import spread
from edgerun.tools.bench.sampler import PARTS

__all__ = ["as_benchmarks", "distinct", "stats"]

FORM = "5.3.1"
"""Version of pytest-benchmark whose keys these are."""


def as_benchmarks(found: Bench, now: datetime.datetime | None = None) -> dict[str, Any]:
    """The whole document: a benchmark for each part of a frame and each model, grouped by part."""
    now = now or datetime.datetime.now(datetime.UTC)
    names = distinct([entry.model for entry in found.models])
    entries = list(zip(names, found.models, strict=True))
    return {
        "machine_info": _machine(),
        "commit_info": {},
        "benchmarks": [_benchmark(name, entry, part) for part in PARTS for name, entry in entries],
        "datetime": now.isoformat(),
        "version": FORM,
        "edgerun": {
            "version": __version__,
            "rounds": found.rounds,
            "interrupted": found.interrupted,
            "drift": found.drift,
            "drifted": found.drifted,
            "reference_loop": stats(found.reference),
            "no_energy": found.energy,
        },
    }


def _machine() -> dict[str, Any]:
    return {
        "node": "",  # names of machines are nobody's business
        "processor": platform.processor(),
        "machine": platform.machine(),
        "python_implementation": platform.python_implementation(),
        "python_version": platform.python_version(),
        "system": platform.system(),
        "release": platform.release(),
        "cpu": {"count": cpu_cores.available()},
    }


def distinct(models: Sequence[str]) -> list[str]:
    """Names, of which those that stand there again get a number: a.onnx, a.onnx (2)."""
    return [
        model if model not in models[:place] else f"{model} ({models[: place + 1].count(model)})"
        for place, model in enumerate(models)
    ]


def _benchmark(name: str, entry: Benched, part: str) -> dict[str, Any]:
    seconds = entry.seconds[part]
    return {
        "group": part,
        "name": name,
        "fullname": f"{part}::{name}",
        "params": None,
        "param": None,
        "extra_info": _facts(entry) | dict(spread(seconds)),
        "options": {"timer": "perf_counter", "warmup": True},
        "stats": stats(seconds) | {"data": list(seconds)},
    }


def _facts(entry: Benched) -> dict[str, Any]:
    """What is known of a model besides the times of its frames; seconds and bytes."""
    against = entry.against_fastest
    return {
        **asdict(entry.facts),
        "memory_peak": entry.end.peak,
        "memory_growth": entry.growth,
        "place": entry.place,
        "against_fastest": None if against is None else asdict(against),
        "joules_per_frame": entry.joules,
    }


def stats(seconds: Sequence[float]) -> dict[str, Any]:
    """The fields of pytest-benchmark's table; quartiles by linear interpolation."""
    times = np.sort(np.asarray(seconds, np.float64))
    q1, q3 = np.quantile(times, [0.25, 0.75])
    mean, deviation = float(times.mean()), statistics.stdev(times.tolist()) if len(times) > 1 else 0.0
    fence = 1.5 * (q3 - q1)
    within = times[(times >= q1 - fence) & (times <= q3 + fence)]
    beyond = {
        "stddev_outliers": int(np.count_nonzero(np.abs(times - mean) > deviation)),
        "iqr_outliers": len(times) - len(within),
    }
    values: Mapping[str, float] = {
        "min": times[0],
        "max": times[-1],
        "mean": mean,
        "stddev": deviation,
        "median": np.median(times),
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "ld15iqr": within[0],
        "hd15iqr": within[-1],
        "ops": len(times) / times.sum(),
        "total": times.sum(),
    }
    return {
        **{name: float(value) for name, value in values.items()},
        **beyond,
        "outliers": ";".join(map(str, beyond.values())),
        "rounds": len(times),
        "iterations": 1,
    }
