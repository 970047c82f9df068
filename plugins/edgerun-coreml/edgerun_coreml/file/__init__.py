"""Reading Core ML files: packages, weights, protobufs, interfaces."""
