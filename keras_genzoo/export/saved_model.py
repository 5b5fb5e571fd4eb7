"""Export for serving: a SavedModel with named signatures that needs neither this package nor Keras to run."""

import importlib.util
import tempfile
from pathlib import Path

import keras

from keras_genzoo import arguments, disk
from keras_genzoo.export import tensorflow_process


def export_saved_model(model, filepath, verbose=False):
    """Writes a SavedModel with the model's named signatures, the first of them the default.

    Of a model that makes images from latents:

    | signature | inputs | output |
    | --- | --- | --- |
    | `generate`, also `serving_default` | `latents` float32 `(batch, latent_dim)` | `images` float32 in [-1, 1] |
    | `sample` | `num` int32 scalar from 1 to 1024, `seed` int64 scalar | `images` uint8 in [0, 255] |
    | `serving_png` | as `sample` | `png`, strings `(num,)`: the bytes of PNG files |
    | `encode` | `images` float32 in [-1, 1] | `latents` float32 `(batch, latent_dim)` |
    | `reconstruct` | `images` float32 in [-1, 1] | `images` float32 in [-1, 1] |

    `encode` and `reconstruct` are an autoencoder's, whose first signature is called `decode`. A model of terrain has
    `generate_heights` from `latents` to `heights`, and the signatures of translations below. Samples that are points
    are float32, and have no `serving_png`.

    A conditional model takes one input more: `generate` takes `labels`, int32 `(batch,)`, and `sample` takes
    `label`, an int32 scalar: the class of all its images. The batch size is free; `sample` makes its images
    in one batch. The same `seed`, from 0 to 2**32 - 1, gives the images of `model.sample(num, seed)`. A `num`,
    a seed or a label out of range is refused when the signature runs, with a message that names it.

    The network exported is the one that samples: the averaged one where an average is kept.

    Of a model that translates images, with free batch size, height and width (multiples of what the network
    needs):

    | signature | inputs | output |
    | --- | --- | --- |
    | `translate`, also `serving_default` | `images` uint8 in [0, 255] | `images` uint8 in [0, 255] |
    | `translate_float32` | `images` float32 in [-1, 1] | `images` float32 in [-1, 1] |
    | `serving_png` | `png`, a string: the bytes of a PNG file | `png`, strings `(1,)` |

    A model of several directions has both for each: `translate_a_to_b`, `translate_a_to_b_float32`, ...

    Of a classifier:

    | signature | inputs | output |
    | --- | --- | --- |
    | `classify`, also `serving_default` | `images` uint8 in [0, 255] | `logits` and `features`, float32 |
    | `classify_float32` | `images` float32 in [-1, 1] | `logits` and `features`, float32 |

    What `tf.saved_model.load` gives can also be called, as `tensorflow_hub.KerasLayer` does: it takes the inputs of
    the first signature by position, of a translator uint8 or float32 images, and returns its output itself.

    On the JAX backend a second process with TensorFlow writes the SavedModel; classes of your own must then be
    registered with Keras in a module that can be imported.

    Args:
        model: Model of `keras_genzoo.models`, whose `signatures` are written.
        filepath: String or path. The folder to create, on a local disk; it may exist if it is empty. It
            appears complete or not at all.
        verbose: Bool, whether to print where the SavedModel is and its signatures.

    Raises:
        ValueError: If `filepath` is not a local path.
        OSError: If `filepath` exists and is not an empty folder, or cannot be written.
        ImportError: If TensorFlow is not installed.
        RuntimeError: If the second process cannot rebuild or export the model (JAX backend).

    Example:

    ```python
    gan = keras_genzoo.models.GAN.from_preset("dcgan_fashion_mnist")
    gan.export("serving/dcgan/1")

    # Elsewhere, with TensorFlow alone:
    signatures = tf.saved_model.load("serving/dcgan/1").signatures
    images = signatures["generate"](latents=tf.random.normal((3, 100)))["images"]
    images = signatures["sample"](num=16, seed=0)["images"]
    images = hub.load("serving/dcgan/1")(latents)  # tensorflow_hub, or tf.saved_model.load
    layer = keras.layers.TFSMLayer("serving/dcgan/1", call_endpoint="serving_default")
    ```
    """
    target = _local_target(arguments.path("filepath", filepath))
    if importlib.util.find_spec("tensorflow") is None:
        raise ImportError("A SavedModel is written by TensorFlow. Install it with `pip install tensorflow`.")
    write = _write if keras.backend.backend() == "tensorflow" else _write_in_tensorflow_process
    with disk.unfinished_folder(target, hint="Pass a `filepath` that can be written.") as folder:
        write(model, folder)
        disk.replace_folder(target, folder)
    if verbose:
        signatures = [f"{name}({', '.join(inputs)})" for name, (_, inputs) in model.signatures().items()]
        print(f"Wrote the SavedModel {target}: {', '.join(signatures)}.")


def _local_target(filepath):
    if "://" in str(filepath):
        raise ValueError(
            f"`filepath` must be a local folder. Received: filepath={str(filepath)!r}. Export to a local "
            "folder and copy it."
        )
    return disk.free_folder("filepath", filepath)


def _write(model, folder):
    import tensorflow as tf

    module = tf.Module()
    module.model_variables = [variable.value for variable in model.variables]
    specs, functions = {}, {}
    for name, (function, inputs) in model.signatures().items():
        specs[name] = {key: tf.TensorSpec(spec.shape, spec.dtype, key) for key, spec in inputs.items()}
        functions[name] = tf.function(function, autograph=False).get_concrete_function(**specs[name])
    default, *_ = functions
    module.__call__ = _callable(functions, specs, default)
    signatures = {"serving_default": functions[default], **functions, **_serving_png(functions, specs)}
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _callable(functions, specs, default):
    """The default signature as a function of tensors by position, which gives its only output itself.

    Where there is a signature of the same name for float32, its inputs are taken too.
    """
    import tensorflow as tf

    names = [name for name in (default, f"{default}_float32") if name in functions]
    by_dtype = {next(iter(specs[name].values())).dtype: functions[name] for name in names}

    def call(*inputs):
        outputs = by_dtype[inputs[0].dtype](**dict(zip(specs[default], inputs, strict=True)))
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    call = tf.function(call, autograph=False)
    for name in names:
        call.get_concrete_function(*specs[name].values())
    return call


def _serving_png(functions, specs):
    """The first signature that gives uint8 images, as one that gives PNG files, and takes one: name -> function."""
    for name, function in functions.items():
        made = function.structured_outputs.get("images")
        taken = specs[name].get("images")
        # The fourth channel of a PNG file is none of what a network takes.
        if taken is not None and taken.shape[-1] not in (1, 3):
            continue
        if made is not None and made.dtype == "uint8" and made.shape[-1] in (1, 3):
            return {"serving_png": _of_png(function, specs[name])}
    return {}


def _of_png(function, specs):
    """A function that gives uint8 images as one that gives PNG files; where it takes images, it takes a PNG file."""
    import tensorflow as tf

    specs = dict(specs)
    if source := specs.pop("images", None):
        specs["png"] = tf.TensorSpec((), tf.string, "png")

    def serve(**inputs):
        if source:
            png = inputs.pop("png")
            inputs["images"] = tf.io.decode_png(png, channels=source.shape[-1])[None]
        return {
            "png": tf.map_fn(tf.io.encode_png, function(**inputs)["images"], fn_output_signature=tf.string)
        }

    return tf.function(serve, autograph=False).get_concrete_function(**specs)


def _write_in_tensorflow_process(model, folder):
    code = "keras_genzoo.models.load(sys.argv[2]).export(sys.argv[3])"
    with tempfile.TemporaryDirectory() as temporary:
        preset = Path(temporary) / "preset"
        model.save_to_preset(preset)
        tensorflow_process.run(code, type(model).__module__, preset, folder)
