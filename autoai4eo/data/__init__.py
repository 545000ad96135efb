"""What candidates see: sensors and bands, readers, statistics, splits.

Light to import; each module is imported where it is used, because HDF5, rasterio and
Keras take their time.
"""
