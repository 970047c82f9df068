"""What a runtime plugin promises: a backend, its delegates, and one session per opened model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from edgerun.contract.coverage import Coverage
from edgerun.tensors import Arrays, TensorSpec

__all__ = ["ANY", "Backend", "Delegate", "Health", "Session"]

ANY = "*"
"""In `Delegate.takes`: options of any name, which the delegate's own library judges."""


@dataclass(frozen=True, slots=True)
class Delegate:
    """One way in which a runtime can compute, on this machine: what a backend offers and what it is asked for.

    Attributes:
        name: of the common vocabulary (`edgerun.delegates.VOCABULARY`): "cpu", "xnnpack", "coreml", "cuda" …
        available: whether it can be asked for here and now, without further options.
        reason: why it is not available, or what else there is to know.
        options: what the runtime is told besides; a wish's own options are added to those of the offer.
        takes: option -> values that a wish may give it, () for any; {} where there is nothing to choose. The option
            `ANY` stands for every other name. One named "cache" takes a folder for what the runtime compiles: edgerun
            names one of its own cache, apart for each model, version and option, where the user names none.
        needs: options without which it cannot be asked for. An offer that needs some is not available by itself.
        strict: asked for alone: the runtime must not add another delegate, CPU included.
        usual: option -> the value that is in force here where a wish gives none, so that it need not be tried.
    """

    name: str
    available: bool = True
    reason: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    takes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    needs: tuple[str, ...] = ()
    strict: bool = False
    usual: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a runtime can compute on this machine: what the doctor prints, `load` raises and a test skips by.

    Attributes:
        ok: True where a model can be opened.
        version: of the runtime; "" where it is not there.
        reason: why not, in one sentence.
        hint: the next step.
        warnings: what works but will surprise, such as two flavours of one runtime in one folder.
    """

    ok: bool
    version: str = ""
    reason: str = ""
    hint: str = ""
    warnings: tuple[str, ...] = ()


@runtime_checkable
class Session(Protocol):
    """One opened model. It moves bytes and knows nothing of boxes."""

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """In the model's order."""

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """In the model's order; () where the runtime cannot say before it runs."""

    @property
    def delegate(self) -> str:
        """The one IN FORCE, which need not be the one asked for."""

    @property
    def metadata(self) -> Mapping[str, str | bytes]:
        """What the file says about itself."""

    def run(self, feeds: Arrays) -> Arrays:
        """Compute. Feeds are C-contiguous and of the stored dtype; results too, owned by the caller."""

    def coverage(self) -> Coverage | None:
        """Which nodes run where, without computing anything; None where this runtime cannot tell."""

    def close(self) -> None:
        """Give everything back; a second call does nothing."""


@runtime_checkable
class Backend(Protocol):
    """One runtime. Building one must not import the runtime."""

    @property
    def name(self) -> str:
        """What `backend=` takes and the doctor shows."""

    @property
    def formats(self) -> Sequence[str]:
        """Of `edgerun.formats.sniff`: "onnx", "tflite" …; a made-up one is recognised by its suffix."""

    @property
    def specimen(self) -> Path:
        """A tiny model of this kind: one float32 input [1, 4], one output, y = x + x."""

    def health(self) -> Health:
        """Never raises."""

    def delegates(self) -> Sequence[Delegate]:
        """Best first; those that are not available too, each with its reason. Called on a healthy backend only."""

    def open(self, path: Path, delegate: Delegate, threads: int | None) -> Session:
        """Raises whatever the runtime raises; edgerun translates it at the door.

        `path` exists and was recognised by its bytes as one of `formats`. `threads` counts those that compute one
        model, the calling one among them; None leaves it to the runtime.

        Raises:
            DelegateUnavailable: the delegate cannot be in force, now that it is tried; the next wish is taken.
        """
