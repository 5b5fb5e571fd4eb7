"""Serving over HTTP: `genzoo serve`. Models run in ONNX Runtime, without Keras and TensorFlow.

Requires the extra `serve`: `pip install "keras_genzoo[serve]"`.
"""

# The file of a bundle that describes its networks.
DESCRIPTION = "model.json"
# The format version of that file, incremented for incompatible changes.
FORMAT = 3
