"""ML Programs (MIL): from their operations to an ONNX graph."""

from .translate import Classifier, Port, StatePort, Translation, translate

__all__ = ["Classifier", "Port", "StatePort", "Translation", "translate"]
