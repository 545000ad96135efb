"""Devices elsewhere: a server that measures networks there, and who asks it from here.

What the server needs (`server`, `serving`, `measuring` and what they import) is NumPy,
one runtime and this package without its dependencies: no Keras, no TensorFlow.
"""
