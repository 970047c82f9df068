"""Writing a translated program as ONNX."""
