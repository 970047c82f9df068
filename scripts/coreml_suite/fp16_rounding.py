"""Whether a case that fails in fp32 fails by nothing but rounding to fp16.

Many cases hand fp16 to the model and take their expected values from what was not rounded, or the other way round.
Such a case is run again on data that fp16 holds exactly: all random numbers are multiples of 1/256. Inputs, weights and
their sums are then the same on both sides, and what remains is that each side may round its result once. So no element
may differ by more than the tolerance of the case plus one unit in the last place of fp16, half for either side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

STEP: Final = 256
"""Multiples of 1/256 below 8 have at most 11 bits, as many as fp16."""

NUMPY: Final = ("rand", "randn", "random", "random_sample", "uniform", "normal", "standard_normal")
TORCH: Final = ("rand", "randn", "rand_like", "randn_like")
TENSOR: Final = ("uniform_", "normal_")

plainly = np.testing.assert_allclose


def coarse(values: Any) -> Any:
    """The nearest multiples of 1/256."""
    return np.round(np.asarray(values, np.float64) * STEP) / STEP if np.ndim(values) else round(values * STEP) / STEP


def unit(values: Any) -> Any:
    """One unit in the last place of fp16 at the size of the values, infinite where fp16 holds them no more."""
    with np.errstate(over="ignore"):
        return np.abs(np.spacing(np.abs(np.asarray(values)).astype(np.float16)).astype(np.float64))


def assert_close(actual: Any, desired: Any, rtol: float = 1e-7, atol: float = 0, **options: Any) -> None:
    """`numpy.testing.assert_allclose` with a unit of fp16 more."""
    ours, wanted = np.asarray(actual), np.asarray(desired)
    if ours.shape == wanted.shape and ours.dtype.kind == "f" and wanted.dtype.kind == "f":
        far = np.abs(ours.astype(np.float64) - wanted.astype(np.float64))
        allowed = atol + rtol * np.abs(wanted.astype(np.float64)) + np.nan_to_num(unit(wanted), nan=0, posinf=0)
        ours = np.where(far <= allowed, wanted, ours)
    plainly(ours, wanted, rtol=rtol, atol=atol, **options)


def _numpys(draw: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *sizes, **options: coarse(draw(*sizes, **options))


def _torchs(draw: Callable[..., Any]) -> Callable[..., Any]:
    def drawn(*sizes: Any, **options: Any) -> Any:
        values = draw(*sizes, **options)
        return values.mul(STEP).round().div(STEP) if values.is_floating_point() else values

    return drawn


def _in_place(draw: Callable[..., Any]) -> Callable[..., Any]:
    def drawn(tensor: Any, *bounds: Any, **options: Any) -> Any:
        return draw(tensor, *bounds, **options).mul_(STEP).round_().div_(STEP)

    return drawn


@contextmanager
def exact_data() -> Iterator[None]:
    """Inside, random numbers are held exactly by fp16, and comparisons grant one unit of it."""
    import torch

    changes: list[tuple[Any, str, Any]] = [(np.testing, "assert_allclose", assert_close)]
    changes += [(np.random, name, _numpys(getattr(np.random, name))) for name in NUMPY]
    changes += [(torch, name, _torchs(getattr(torch, name))) for name in TORCH]
    changes += [(torch.Tensor, name, _in_place(getattr(torch.Tensor, name))) for name in TENSOR]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    try:
        for owner, name, value in changes:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
