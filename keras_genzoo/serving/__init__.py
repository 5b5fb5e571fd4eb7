"""Serving over HTTP: `genzoo serve`. ONNX Runtime computes; neither Keras nor TensorFlow is loaded.

Needs the extra `serve`: `pip install "keras_genzoo[serve]"`.
"""

# The file of a bundle that says how its networks are used.
DESCRIPTION = "model.json"
# Of that file; raised where what reads it must change.
FORMAT = 2
