"""A module of ours in a process of its own that answers requests as long as it is asked; errors come through."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from edgerun import errors
from edgerun.errors import BackendUnavailable, EdgerunError, InputError
from edgerun.runtime.isolation import Child, Parent

__all__ = ["Worker", "work"]

Opened = TypeVar("Opened")


class Worker:
    """The process, as its parent sees it.

    Args:
        module: that calls `work` when it is run.
        patience: seconds after which a process that does not answer is taken for stuck.
    """

    def __init__(self, module: str, patience: float) -> None:
        self._patience = patience
        self._child = Child(module)

    def ask(self, request: Mapping[str, Any]) -> Any:
        """The answer to a request, both of JSON's values.

        Raises:
            EdgerunError: the child's own, or how it ended.
        """
        try:
            self._child.send(request)
        except TypeError as cause:
            raise InputError(
                f"An option cannot be handed to another process: {cause}.", hint="give plain numbers, texts and lists"
            ) from cause
        try:
            reply = self._child.receive(self._patience)
        except TimeoutError as cause:
            raise BackendUnavailable(f"it gave {cause}") from None
        if reply is None:
            raise BackendUnavailable(f"its process {self._child.ending() or 'ended'}")
        if "error" in reply:
            raise _error(reply["error"])
        return reply["answer"]

    def close(self) -> None:
        """End the process."""
        self._child.close()


def _error(fields: Mapping[str, Any]) -> EdgerunError:
    """An error of the child, raised again here."""
    kind = getattr(errors, fields["type"], EdgerunError)
    error: EdgerunError = kind(fields["message"], hint=fields["hint"])
    return error


def work(opened: Callable[[Any], tuple[Opened, Any]], answered: Callable[[Opened, Any], Any]) -> None:
    """In the child process: open what the first request names, then answer the others; the first error ends it.

    Args:
        opened: what the first request names, and the answer to it.
        answered: the answer to any other request.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent decides
    parent = Parent()
    requests = parent.requests()
    try:
        subject, answer = opened(next(requests))
        parent.send({"answer": answer})
        for request in requests:
            parent.send({"answer": answered(subject, request)})
    except StopIteration:  # the parent has ended before it asked for anything
        return
    except EdgerunError as cause:
        parent.send({"error": cause.to_dict()})
