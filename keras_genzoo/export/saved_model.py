"""Export for serving: a SavedModel with named signatures that needs neither this package nor Keras to run."""

import importlib.util
import tempfile
from pathlib import Path

import keras

from keras_genzoo import arguments, disk
from keras_genzoo.export import tensorflow_process


def export_saved_model(model, filepath, verbose=False):
    """Exports a model as a SavedModel with named signatures. The first signature is the default.

    Signatures of models that generate images from latents:

    | signature | inputs | output |
    | --- | --- | --- |
    | `generate`, also `serving_default` | `latents` float32 `(batch, latent_dim)` | `images` float32 in [-1, 1] |
    | `sample` | `num` int32 scalar from 1 to 1024, `seed` int64 scalar | `images` uint8 in [0, 255] |
    | `serving_png` | those of `sample` | `png`, strings `(num,)`: the bytes of PNG files |
    | `encode` | `images` float32 in [-1, 1] | `latents` float32 `(batch, latent_dim)` |
    | `reconstruct` | `images` float32 in [-1, 1] | `images` float32 in [-1, 1] |

    Only autoencoders have `encode` and `reconstruct`; their first signature is named `decode` instead of `generate`.
    A terrain model has `generate_heights` from `latents` to `heights`, and the signatures of translation models
    below. Points are float32, without `serving_png`.

    Conditional models have an additional input: `labels`, int32 `(batch,)`, of `generate`, and `label`, an int32
    scalar, of `sample`. The batch size is free; `sample` generates its images in one batch. A `seed` from 0 to
    2**32 - 1 gives the same images as `model.sample(num, seed)`. If `num`, `seed` or `label` is out of range, the
    signature fails with a message that names it.

    The exported network is the one used for sampling: the moving average, if there is one.

    Signatures of translation models, with free batch size, height and width (height and width must be multiples of
    the network's downsampling factor):

    | signature | inputs | output |
    | --- | --- | --- |
    | `translate`, also `serving_default` | `images` uint8 in [0, 255] | `images` uint8 in [0, 255] |
    | `translate_float32` | `images` float32 in [-1, 1] | `images` float32 in [-1, 1] |
    | `serving_png` | `png`, a string: the bytes of a PNG file | `png`, strings `(1,)` |

    A model with several directions has these signatures for each: `translate_a_to_b`,
    `translate_a_to_b_float32`, ...

    Signatures of classifiers:

    | signature | inputs | output |
    | --- | --- | --- |
    | `classify`, also `serving_default` | `images` uint8 in [0, 255] | `logits` and `features`, float32 |
    | `classify_float32` | `images` float32 in [-1, 1] | `logits` and `features`, float32 |

    The object returned by `tf.saved_model.load` is also callable, as `tensorflow_hub.KerasLayer` requires. It takes
    the inputs of the first signature by position (for translation models, uint8 or float32 images) and returns its
    only output.

    On the JAX backend, a second process with TensorFlow writes the SavedModel. Custom classes must then be registered
    with Keras in an importable module.

    Args:
        model: Model of `keras_genzoo.models`, whose `signatures` are exported.
        filepath: String or path of the folder to create, on a local disk. It may exist if it is empty. It is written
            atomically.
        verbose: Bool, whether to print the path and the signatures.

    Raises:
        ValueError: If `filepath` is not a local path.
        OSError: If `filepath` exists and is not an empty folder, or cannot be written.
        ImportError: If TensorFlow is not installed.
        RuntimeError: If the second process cannot rebuild or export the model (JAX backend).

    Example:

    ```python
    gan = keras_genzoo.models.GAN.from_preset("dcgan_fashion_mnist")
    gan.export("serving/dcgan/1")

    # Elsewhere, with TensorFlow only:
    import tensorflow as tf

    loaded = tf.saved_model.load("serving/dcgan/1")
    latents = tf.random.normal((3, 100))
    images = loaded.signatures["generate"](latents=latents)["images"]
    images = loaded.signatures["sample"](num=tf.constant(16), seed=tf.constant(0, tf.int64))["images"]
    images = loaded(latents)
    layer = keras.layers.TFSMLayer("serving/dcgan/1", call_endpoint="serving_default")
    ```
    """
    target = _local_target(arguments.path("filepath", filepath))
    if importlib.util.find_spec("tensorflow") is None:
        raise ImportError(
            "Exporting a SavedModel requires TensorFlow. Install it with `pip install tensorflow`."
        )
    write = _write if keras.backend.backend() == "tensorflow" else _write_in_tensorflow_process
    with disk.unfinished_folder(target, hint="Pass a writable `filepath`.") as folder:
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
    """Returns the default signature as a function of positional tensors that returns its only output.

    If there is a float32 signature of the same name, its inputs are accepted too.
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
    """Returns a dict with a PNG version of the first signature that returns uint8 images: name -> function."""
    for name, function in functions.items():
        made = function.structured_outputs.get("images")
        taken = specs[name].get("images")
        # The alpha channel of a PNG file is not an input of networks.
        if taken is not None and taken.shape[-1] not in (1, 3):
            continue
        if made is not None and made.dtype == "uint8" and made.shape[-1] in (1, 3):
            return {"serving_png": _of_png(function, specs[name])}
    return {}


def _of_png(function, specs):
    """Converts a function that returns (and takes) uint8 images to one that returns (and takes) PNG files."""
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
