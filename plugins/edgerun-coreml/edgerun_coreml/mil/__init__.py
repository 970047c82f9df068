"""ML Programs (MIL): from their operations to an ONNX graph."""

from .listing import list_program
from .translate import Classifier, Port, StatePort, Translation, translate

__all__ = ["Classifier", "Port", "StatePort", "Translation", "list_program", "translate"]
