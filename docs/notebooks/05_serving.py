# %% [markdown]
# # Serving
#
# To use a trained model in an application, export it to a file for another runtime, or serve it over HTTP. This
# notebook does both with a pretrained model. It needs `pip install -e ".[serve]"`.

# %%
import json
import subprocess
import sys
import urllib.request

import numpy as np
import tensorflow as tf
from PIL import Image

import keras_genzoo as kg

gan = kg.models.load("dcgan_fashion_mnist")

# %% [markdown]
# ## A SavedModel
#
# `export` writes a folder that can be loaded with TensorFlow alone, without this library. Its signatures are
# `generate`, which maps latents to images, `sample`, which takes a number of images and a seed, and
# `serving_png`, which returns the contents of PNG files. The same seed gives the same images as `gan.sample`.

# %%
gan.export("serving/dcgan/1", verbose=False)
served = tf.saved_model.load("serving/dcgan/1")
print("signatures:", sorted(served.signatures))

images = served.signatures["sample"](num=16, seed=0)["images"].numpy()
expected = kg.pixels.to_uint8(gan.sample(16, seed=0))
print(images.shape, images.dtype, "largest difference:", np.abs(images.astype(int) - expected).max())

kg.visualization.save_grid(images, "saved_model.png", scale=2)
Image.open("saved_model.png")

# %% [markdown]
# ## A server
#
# `genzoo serve` serves models over HTTP with ONNX Runtime. Its first start exports the model to ONNX. In a
# terminal, the command is `genzoo serve dcgan_fashion_mnist`. This notebook starts the server from Python on a free
# port (`--port 0`), and reads its address from the line that it prints.

# %%
command = [sys.executable, "-m", "keras_genzoo", "serve", "dcgan_fashion_mnist", "--port", "0"]
with open("serve.log", "w") as log:
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
line = server.stdout.readline()
print(line or open("serve.log").read())
address = line.split()[-1]

# %% [markdown]
# Request a grid of 16 images from a seed:

# %%
with urllib.request.urlopen(f"{address}/sample?seed=7&num=16") as answer:
    print(answer.status, answer.headers["Content-Type"])
    with open("served.png", "wb") as file:
        file.write(answer.read())

Image.open("served.png")

# %% [markdown]
# Request arrays through the REST interface of TensorFlow Serving. Clients of that server work without changes:

# %%
body = json.dumps({"signature_name": "sample", "inputs": {"num": 4, "seed": 0}}).encode()
request = urllib.request.Request(f"{address}/v1/models/dcgan_fashion_mnist:predict", body)
with urllib.request.urlopen(request) as answer:
    outputs = np.array(json.load(answer)["outputs"])
print(outputs.shape, "largest difference:", np.abs(outputs - expected[:4]).max())

# %% [markdown]
# SIGTERM or Ctrl-C stops the server. It completes the requests that it has accepted, and then exits.

# %%
server.terminate()
print("status:", server.wait())

# %% [markdown]
# ## Where to go next
#
# - [Serving](../serving.md): all endpoints, limits and tokens, and exports to ONNX, OpenVINO, LiteRT, Triton and
#   TensorFlow Serving.
# - [Explore](../explore.md): models that run in the browser, without an inference server.
# - [Security](../SECURITY.md): what loading a file from others can and cannot do.
