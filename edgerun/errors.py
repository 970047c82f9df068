"""Every error that edgerun raises on purpose.

    EdgerunError(message, hint=)
      PluginError
        PluginConflict        two plugins want the same name
      BackendMissing          no installed plugin runs this format
      BackendUnavailable      the plugin is here, its runtime is not, or is broken
      DelegateUnavailable     the delegate that was named is not available
        DelegateIncomplete    strict was asked for, and nodes of the model run elsewhere
      ModelError
        ModelUnreadable       missing, truncated, of another format
        ModelUnsafe           a pickle, a zip bomb, a path outside its folder
        CardInvalid           a sidecar, metadata or argument that says the impossible
        DecoderUnknown        no decoder reads these outputs
        DecoderAmbiguous      two readings are plausible and would give other boxes
      InputError              an image, a folder, a threshold
        CameraEnded           a camera or a stream gives no more frames

A message is one sentence that names the culprit; the hint is the next step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = [
    "BackendMissing",
    "BackendUnavailable",
    "CameraEnded",
    "CardInvalid",
    "DecoderAmbiguous",
    "DecoderUnknown",
    "DelegateIncomplete",
    "DelegateUnavailable",
    "EdgerunError",
    "InputError",
    "ModelError",
    "ModelUnreadable",
    "ModelUnsafe",
    "PluginConflict",
    "PluginError",
    "translated",
]


class EdgerunError(Exception):
    """What went wrong in one sentence, and what to do next.

    Attributes:
        message: one sentence that names the culprit.
        hint: the next step, or "" where there is none.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"type": type(self).__name__, "message": self.message, "hint": self.hint}

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class PluginError(EdgerunError):
    """A plugin broke the contract."""


class PluginConflict(PluginError):
    """Two plugins offer something under the same name."""


class BackendMissing(EdgerunError):
    """No installed plugin runs this format; the hint names the one to install."""


class BackendUnavailable(EdgerunError):
    """The plugin is installed, but its runtime is absent or broken on this machine."""


class DelegateUnavailable(EdgerunError):
    """The delegate that was named is not available here, or does not come into force."""


class DelegateIncomplete(DelegateUnavailable):
    """With `strict`, nodes of the model would run outside the delegate, or nothing tells that none does.

    Attributes:
        outside: the `edgerun.contract.Placed` that would.
    """

    outside: Sequence[Any] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        rows = [
            {
                "operator": e.operator,
                "delegate": e.delegate,
                "name": e.name,
                "shape": None if e.shape is None else list(e.shape),
                "why": e.why,
            }
            for e in self.outside
        ]
        return super().to_dict() | {"outside": rows}


class ModelError(EdgerunError):
    """Something is wrong with the model file or with what is said about it."""


class ModelUnreadable(ModelError):
    """The file is missing, empty, truncated or not of the format it claims."""


class ModelUnsafe(ModelError):
    """Opening the file could run its code, fill the memory or leave its folder."""


class CardInvalid(ModelError):
    """A sidecar, a metadata entry or an argument gives a card field an impossible value."""


class DecoderUnknown(ModelError):
    """No decoder reads these outputs.

    Attributes:
        evidence: the `edgerun.contract.Evidence` that was looked at, so that `inspect` can show a refused model too.
        verdicts: (name, `edgerun.contract.Match`) of each decoder that was asked.
    """

    evidence: Any = None
    verdicts: Sequence[tuple[str, Any]] = ()


class DecoderAmbiguous(ModelError):
    """Two readings are plausible and would give different boxes.

    Attributes:
        evidence, verdicts: see `DecoderUnknown`.
    """

    evidence: Any = None
    verdicts: Sequence[tuple[str, Any]] = ()


class InputError(EdgerunError):
    """An image, folder, video, threshold or class name that cannot be used."""


class CameraEnded(InputError):
    """A camera or a stream gives no more frames; unlike a video, it has no end of its own."""


@contextmanager
def translated(error: type[EdgerunError], message: str, *, hint: str = "") -> Iterator[None]:
    """Turn whatever a runtime raises inside the block into `error`, once, at the door.

    The first line of the foreign text is kept, the cause is chained. Errors that are ours already
    pass unchanged, and so do KeyboardInterrupt and the like.
    """
    try:
        yield
    except EdgerunError:
        raise
    except Exception as cause:
        lines = str(cause).strip().splitlines()
        detail = lines[0][:300] if lines else type(cause).__name__
        raise error(f"{message}: {detail}", hint=hint) from cause
