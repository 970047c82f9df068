"""Core ML models on any machine: read without coremltools, translated to ONNX in memory, run there."""
