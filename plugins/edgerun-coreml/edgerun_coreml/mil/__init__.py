"""ML Programs (MIL): from their operations to an ONNX graph."""

from .listing import list_program
from .translate import translate

__all__ = ["list_program", "translate"]
