"""NeuralNetwork models: from their layers to an ONNX graph."""

from .listing import list_network
from .translate import translate

__all__ = ["list_network", "translate"]
