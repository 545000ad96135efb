"""Predictors: runs, Keras files, SavedModels, ONNX files."""
