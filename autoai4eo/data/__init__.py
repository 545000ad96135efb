"""Training data: sensors and bands, readers, statistics, splits.

This package imports nothing: import a module where it is used, because HDF5, rasterio
and Keras load slowly.
"""
