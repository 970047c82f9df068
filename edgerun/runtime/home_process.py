"""The process that a model was loaded in: a runtime's threads do not go along when it forks."""

from __future__ import annotations

import os

from edgerun.errors import EdgerunError

__all__ = ["HomeProcess"]


class HomeProcess:
    """The process that makes this value, for a model; to ask costs a tenth of a microsecond."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._number = os.getpid()

    @property
    def is_left(self) -> bool:
        """Whether this is another process, forked from that one."""
        return os.getpid() != self._number

    def refuse_fork(self) -> None:
        """Refuse to go on in another process, where a run would wait without end for threads that are not in it, and
        where a lock that was held at the fork is held for ever.

        Raises:
            EdgerunError: this is another process.
        """
        if self.is_left:
            raise EdgerunError(
                f"The detector of {self._model} was loaded before this process was forked, and a runtime does not work "
                "on both sides of a fork.",
                hint='load it in each process, after the fork; or spawn them: multiprocessing.get_context("spawn")',
            )
