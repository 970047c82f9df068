"""Energy of the processor, where the machine counts it (RAPL, by Linux's power capping framework).

Source: Documentation/power/powercap/powercap.rst of the Linux kernel: `energy_uj` counts microjoules and starts again
at 0 after `max_energy_range_uj`. Only the packages are read; their parts would be counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["POWERCAP", "Meter", "meter"]

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True, slots=True)
class Meter:
    """The counters of this machine.

    Attributes:
        packages: folders of the counters.
        absent: why there is none; "" where there are some.
    """

    packages: tuple[Path, ...]
    absent: str = ""

    def read(self) -> list[int]:
        """Microjoules of each package, from an arbitrary start."""
        return [_number(package / "energy_uj") for package in self.packages]

    def joules(self, before: list[int], after: list[int]) -> float:
        """Between two readings, other programs included."""
        spent = 0
        for package, start, end in zip(self.packages, before, after, strict=True):
            spent += end - start if end >= start else end - start + _number(package / "max_energy_range_uj")
        return spent / 1e6


def meter(folder: Path = POWERCAP) -> Meter:
    """The meter of this machine; one without counters says why."""
    packages = tuple(sorted(zone for zone in folder.glob("*-rapl:*") if _is_package(zone)))
    if not packages:
        return Meter((), "this machine counts no energy (no RAPL in /sys/class/powercap)")
    found = Meter(packages)
    try:
        found.read()
    except PermissionError:
        return Meter((), f"only the administrator may read it ({packages[0] / 'energy_uj'})")
    except (OSError, ValueError) as cause:
        return Meter((), f"{packages[0] / 'energy_uj'} cannot be read: {cause}")
    return found


def _is_package(zone: Path) -> bool:
    try:
        return (zone / "name").read_text().startswith("package")
    except OSError:
        return False


def _number(path: Path) -> int:
    return int(path.read_text())
