"""ML Programs (MIL): from their operations to an ONNX graph."""

from edgerun_coreml.mil.listing import list_program
from edgerun_coreml.mil.translate import translate

__all__ = ["list_program", "translate"]
