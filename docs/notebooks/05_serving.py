# %% [markdown]
# # Serving
#
# A trained model leaves Python in two ways: as a file for another runtime, and behind a server. This notebook
# does both with a pretrained model. It needs `pip install -e ".[serve]"`.

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
# `export` writes a folder that needs TensorFlow alone, without this library. It has signatures: `generate`
# from latents to images, `sample` from a number and a seed, `serving_png` to the bytes of PNG files. A seed
# gives the images of `gan.sample`.

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
# `genzoo serve` answers over HTTP. The first start exports the model to ONNX; ONNX Runtime computes. In a
# terminal the command is `genzoo serve dcgan_fashion_mnist`. Here it is started from Python, at a free port,
# and says where it listens.

# %%
command = [sys.executable, "-m", "keras_genzoo", "serve", "dcgan_fashion_mnist", "--port", "0"]
with open("serve.log", "w") as log:
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
line = server.stdout.readline()
print(line or open("serve.log").read())
address = line.split()[-1]

# %% [markdown]
# A picture, by its seed:

# %%
with urllib.request.urlopen(f"{address}/sample?seed=7&num=16") as answer:
    print(answer.status, answer.headers["Content-Type"])
    with open("served.png", "wb") as file:
        file.write(answer.read())

Image.open("served.png")

# %% [markdown]
# Arrays, by the REST interface of TensorFlow Serving, so that clients of that server work unchanged:

# %%
body = json.dumps({"signature_name": "sample", "inputs": {"num": 4, "seed": 0}}).encode()
request = urllib.request.Request(f"{address}/v1/models/dcgan_fashion_mnist:predict", body)
with urllib.request.urlopen(request) as answer:
    outputs = np.array(json.load(answer)["outputs"])
print(outputs.shape, "largest difference:", np.abs(outputs - expected[:4]).max())

# %% [markdown]
# SIGTERM or Ctrl-C ends the server; what it has accepted is answered first.

# %%
server.terminate()
print("status:", server.wait())

# %% [markdown]
# ## Where to go next
#
# - [Serving](../serving.md): all endpoints, limits and tokens; ONNX, OpenVINO, LiteRT, Triton, TensorFlow
#   Serving.
# - [The page to play with](../explore.md): models in the browser, without a server.
# - [Security](../SECURITY.md): what loading a file of others can do.
