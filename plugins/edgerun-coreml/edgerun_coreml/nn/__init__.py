"""NeuralNetwork models: from their layers to an ONNX graph."""

from .translate import translate

__all__ = ["translate"]
