"""NeuralNetwork models: from their layers to an ONNX graph."""

from edgerun_coreml.nn.listing import list_network
from edgerun_coreml.nn.translate import translate

__all__ = ["list_network", "translate"]
