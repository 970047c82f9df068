"""What can go wrong with a Core ML model, in three kinds: the file, what it asks for, what it is fed."""

from __future__ import annotations

from collections.abc import Sequence


class CoreMLError(Exception):
    """Base of every error this package raises on purpose."""


class ModelDamaged(CoreMLError):
    """The file is not what it claims to be: truncated, inconsistent, or hostile."""


class ModelUnsupported(CoreMLError):
    """The file is sound, but asks for something that is not translated.

    ``problems`` holds every reason found, each with its place in the model, so that one load tells all.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("not supported: " + "; ".join(self.problems))
