"""What a translator says of an operation or a layer that it does not translate."""

from __future__ import annotations

from edgerun_coreml.errors import CoreMLError


class Refusal(CoreMLError):
    """Raised by a translator: this use of the operation or layer is not supported, for this reason.

    The walk collects all refusals of a model and raises them as one :class:`ModelUnsupported`.
    """
