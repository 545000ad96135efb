"""Whatever can predict: runs, Keras files, SavedModels, ONNX files."""
