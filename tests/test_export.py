import io
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import keras_genzoo as kg
from keras_genzoo import pixels

# On JAX a second process with TensorFlow writes the SavedModel.
on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="needs the JAX backend")

LATENT_DIM = 6
NUM_CLASSES = 3

# What a server does: it has TensorFlow, and not this package.
SERVE = """
import sys
import numpy as np
sys.modules["keras_genzoo"] = None
import tensorflow as tf

def serve(folder, arguments, results, load=tf.saved_model.load):
    signatures = load(folder).signatures
    assert set(signatures) == {"generate", "sample", "serving_default", "serving_png"}
    given = dict(np.load(arguments))
    labels = {"labels": tf.constant(given["labels"])} if "labels" in given else {}
    label = {"label": tf.constant(given["label"])} if "label" in given else {}
    latents = tf.constant(given["latents"])
    np.savez(
        results,
        generated=signatures["generate"](latents=latents, **labels)["images"],
        default=signatures["serving_default"](latents=latents, **labels)["images"],
        sampled=signatures["sample"](num=5, seed=7, **label)["images"],
    )
"""


def make_gan(**kwargs):
    keras.utils.set_random_seed(0)
    gan = kg.models.GAN(image_shape=(8, 8, 1), latent_dim=LATENT_DIM, width=4, **kwargs)
    # Moving statistics and averages that training would have left: no default value hides a mistake.
    rng = np.random.default_rng(0)
    for weight in gan.weights:
        if "float" in weight.dtype:
            weight.assign(keras.ops.convert_to_numpy(weight) + rng.uniform(0, 0.3, weight.shape))
    return gan


def draw_latents(num):
    return np.random.default_rng(1).standard_normal((num, LATENT_DIM)).astype("float32")


def signatures_of(folder):
    import tensorflow as tf

    return tf.saved_model.load(str(folder)).signatures


def assert_within_a_level(sampled, images):
    assert sampled.dtype == np.uint8
    np.testing.assert_allclose(sampled.astype(int), pixels.to_uint8(images).astype(int), atol=1)


def run_python(code, *arguments, **environment):
    here = Path(__file__).parent
    path = os.pathsep.join(filter(None, [str(here), str(here.parent), os.environ.get("PYTHONPATH")]))
    process = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.fixture(scope="module")
def gan():
    return make_gan()


@pytest.fixture(scope="module")
def exported(gan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving") / "gan" / "1"
    gan.export(folder)
    return folder


@pytest.mark.tensorflow
def test_signatures_name_their_inputs_and_types(exported):
    signatures = signatures_of(exported)
    described = {
        name: (
            {key: (spec.dtype.name, spec.shape.as_list()) for key, spec in inputs[1].items()},
            {key: (spec.dtype.name, spec.shape.as_list()) for key, spec in outputs.items()},
        )
        for name, inputs, outputs in (
            (name, function.structured_input_signature, function.structured_outputs)
            for name, function in signatures.items()
        )
    }
    generate = {"latents": ("float32", [None, LATENT_DIM])}, {"images": ("float32", [None, 8, 8, 1])}
    sample = {"num": ("int32", []), "seed": ("int64", [])}, {"images": ("uint8", [None, 8, 8, 1])}
    png = sample[0], {"png": ("string", [None])}
    assert described == {
        "generate": generate,
        "serving_default": generate,
        "sample": sample,
        "serving_png": png,
    }


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_process_with_tensorflow_alone_gives_the_models_images(gan, exported, tmp_path):
    latents = draw_latents(4)
    np.savez(tmp_path / "arguments.npz", latents=latents)
    # Where TensorFlow finds Keras it imports it: here it does not.
    code = f"import sys\nsys.modules['keras'] = None\n{SERVE}\nserve(*sys.argv[1:])"
    run_python(code, exported, tmp_path / "arguments.npz", tmp_path / "results.npz")
    results = np.load(tmp_path / "results.npz")
    np.testing.assert_allclose(results["generated"], gan.sample(latents=latents), atol=1e-5)
    np.testing.assert_array_equal(results["generated"], results["default"])
    assert_within_a_level(results["sampled"], gan.sample(5, seed=7))


@pytest.mark.slow
@pytest.mark.tensorflow
def test_tensorflow_hub_gives_the_images_of_a_conditional_model(tmp_path):
    pytest.importorskip("tensorflow_hub", reason="tensorflow_hub of the extra `hub` is not installed")
    gan = make_gan(num_classes=NUM_CLASSES)
    gan.export(tmp_path / "gan")
    latents, labels = draw_latents(4), np.int32([0, 2, 1, 2])
    np.savez(tmp_path / "arguments.npz", latents=latents, labels=labels, label=np.int32(2))
    code = f"{SERVE}\nimport tensorflow_hub as hub\nserve(*sys.argv[1:], load=hub.load)"
    run_python(code, tmp_path / "gan", tmp_path / "arguments.npz", tmp_path / "results.npz")
    results = np.load(tmp_path / "results.npz")
    np.testing.assert_allclose(results["generated"], gan.sample(latents=latents, labels=labels), atol=1e-5)
    assert_within_a_level(results["sampled"], gan.sample(5, seed=7, labels=2))
    assert np.abs(gan.sample(5, seed=7, labels=2) - gan.sample(5, seed=7, labels=1)).max() > 0.1


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_saved_model_is_a_layer_of_keras_and_of_tensorflow_hub(gan, exported, tmp_path):
    pytest.importorskip("tensorflow_hub", reason="tensorflow_hub of the extra `hub` is not installed")
    latents = draw_latents(3)
    np.save(tmp_path / "latents.npy", latents)
    code = """
import sys
sys.modules["keras_genzoo"] = None
import keras, numpy as np, tensorflow_hub as hub
folder, latents, results = sys.argv[1:]
latents = np.load(latents)
in_keras = keras.layers.TFSMLayer(folder, call_endpoint="serving_default")(latents)["images"]
np.savez(results, keras=in_keras, hub=hub.KerasLayer(folder)(latents))
"""
    run_python(code, exported, tmp_path / "latents.npy", tmp_path / "results.npz")
    for images in np.load(tmp_path / "results.npz").values():
        np.testing.assert_allclose(images, gan.sample(latents=latents), atol=1e-5)


@pytest.mark.tensorflow
def test_png_files_hold_the_samples(exported):
    import tensorflow as tf

    signatures = signatures_of(exported)
    files = signatures["serving_png"](num=2, seed=7)["png"].numpy()
    images = [np.asarray(Image.open(io.BytesIO(file))) for file in files]
    np.testing.assert_array_equal(images, signatures["sample"](num=tf.constant(2), seed=7)["images"][..., 0])


@pytest.mark.tensorflow
def test_a_loaded_saved_model_can_be_called(gan, exported, tmp_path):
    import tensorflow as tf

    latents = draw_latents(3)
    images = tf.saved_model.load(str(exported))(tf.constant(latents))
    np.testing.assert_allclose(images, gan.sample(latents=latents), atol=1e-5)
    conditional = make_gan(num_classes=NUM_CLASSES)
    conditional.export(tmp_path / "gan")
    labels = np.int32([2, 0, 1])
    images = tf.saved_model.load(str(tmp_path / "gan"))(latents, labels)
    np.testing.assert_allclose(images, conditional.sample(latents=latents, labels=labels), atol=1e-5)


@pytest.mark.slow_but("3")
@pytest.mark.tensorflow
@pytest.mark.parametrize("num", [1, 3, 64])
def test_batch_size_is_free(gan, exported, num):
    import tensorflow as tf

    signatures = signatures_of(exported)
    latents = draw_latents(num)
    generated = signatures["generate"](latents=tf.constant(latents))["images"].numpy()
    np.testing.assert_allclose(generated, gan.sample(latents=latents), atol=1e-5)
    # The largest seed needs all of its 32 bits.
    sampled = signatures["sample"](num=num, seed=2**32 - 1)["images"].numpy()
    assert_within_a_level(sampled, gan.sample(num, seed=2**32 - 1))


@pytest.mark.tensorflow
def test_the_averaged_generator_is_exported(tmp_path):
    import tensorflow as tf

    gan = make_gan(average_decay=0.9)
    gan.export(tmp_path / "gan")
    latents = draw_latents(4)
    generated = signatures_of(tmp_path / "gan")["generate"](latents=tf.constant(latents))["images"]
    np.testing.assert_allclose(generated, gan.averaged_network(latents, training=False), atol=1e-5)
    assert np.abs(generated - gan.generator(latents, training=False)).max() > 0.01


@pytest.mark.tensorflow
def test_a_mixed_bfloat16_model_exports_float32_images(tmp_path):
    import tensorflow as tf

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        # A network of a user's own, whose images are bfloat16.
        generator = keras.Sequential(
            [
                keras.Input((LATENT_DIM,)),
                keras.layers.Dense(64, activation="tanh"),
                keras.layers.Reshape((8, 8, 1)),
            ]
        )
        gan = make_gan(generator=generator)
    finally:
        keras.config.set_dtype_policy("float32")
    gan.export(tmp_path / "gan")
    signatures = signatures_of(tmp_path / "gan")
    latents = draw_latents(4)
    generated = signatures["generate"](latents=tf.constant(latents))["images"]
    assert generated.dtype == tf.float32
    # One rounding step of bfloat16: the same sums may be added in another order.
    np.testing.assert_allclose(generated, gan.sample(latents=latents).astype("float32"), atol=2**-7)
    assert signatures["sample"](num=2, seed=0)["images"].dtype == tf.uint8


@pytest.mark.tensorflow
def test_numbers_seeds_and_labels_out_of_range_are_refused_when_served(tmp_path):
    import tensorflow as tf

    make_gan(num_classes=NUM_CLASSES).export(tmp_path / "gan")
    signatures = signatures_of(tmp_path / "gan")
    for num, seed, label, message in (
        (2, -1, 0, "`seed` must be from 0 to 4294967295"),
        (2, 2**32, 0, "`seed` must be from 0 to 4294967295"),
        (2, 0, NUM_CLASSES, "`labels` must be from 0 to 2"),
        (2, 0, -1, "`labels` must be from 0 to 2"),
        (0, 0, 0, "`num` must be from 1 to 1024. Received:.*0"),
        (-3, 0, 0, "`num` must be from 1 to 1024. Received:.*-3"),
        (1025, 0, 0, "`num` must be from 1 to 1024. Received:.*1025"),
        (2**31 - 1, 0, 0, "`num` must be from 1 to 1024. Received:.*2147483647"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            signatures["sample"](num=num, seed=seed, label=label)
    assert signatures["sample"](num=1024, seed=0, label=0)["images"].shape[0] == 1024


def test_an_existing_target_is_refused_and_kept(gan, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for target in ("folder", "file"):
        with pytest.raises(FileExistsError, match="`filepath` already exists"):
            gan.export(tmp_path / target)
    assert (tmp_path / "folder" / "mine.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.tensorflow
def test_an_empty_folder_is_filled(gan, tmp_path, capsys):
    (tmp_path / "gan").mkdir()
    gan.export(str(tmp_path / "gan"), verbose=True)
    assert "sample" in signatures_of(tmp_path / "gan")
    assert f"SavedModel {tmp_path / 'gan'}: generate(latents), sample(num, seed)" in capsys.readouterr().out


def test_a_path_that_cannot_be_written_is_refused(gan, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="Pass a writable `filepath`"):
        gan.export(tmp_path / "file" / "gan")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(ValueError, match="`filepath` must be a local folder"):
        gan.export("gs://bucket/gan")


@pytest.mark.tensorflow
def test_a_failure_in_the_middle_leaves_nothing(gan, tmp_path, monkeypatch):
    def write_half(module, filepath, **kwargs):
        assert Path(filepath).parent == tmp_path
        (Path(filepath) / "saved_model.pb").write_text("half")
        raise OSError("No space left on device")

    monkeypatch.setattr("tensorflow.saved_model.save", write_half)
    with pytest.raises(OSError, match="No space left"):
        gan.export(tmp_path / "gan")
    assert list(tmp_path.iterdir()) == []


def test_without_tensorflow_the_error_says_how_to_install_it(gan, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install tensorflow"):
        gan.export(tmp_path / "gan")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_is_refused(gan, tmp_path):
    with pytest.raises(ValueError, match=r"`format` must be one of .*'onnx'.*Received: 'onxx'"):
        gan.export(tmp_path / "gan", format="onxx")


@pytest.mark.parametrize("format", ["onnx", "litert", "openvino"])
def test_a_missing_package_is_named_with_the_command_that_brings_it(gan, tmp_path, format, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install .keras_genzoo\[export\]"):
        gan.export(tmp_path / "gan", format=format)


@on_jax
def test_a_model_on_jax_is_exported(tmp_path):
    tf = pytest.importorskip("tensorflow")
    gan = make_gan(num_classes=NUM_CLASSES, average_decay=0.9)
    gan.export(tmp_path / "gan")
    assert [path.name for path in tmp_path.iterdir()] == ["gan"]
    signatures = signatures_of(tmp_path / "gan")
    latents, labels = draw_latents(3), np.int32([0, 2, 1])
    generated = signatures["generate"](latents=tf.constant(latents), labels=tf.constant(labels))["images"]
    np.testing.assert_allclose(generated, gan.sample(latents=latents, labels=labels), atol=1e-5)
    sampled = signatures["sample"](num=5, seed=7, label=1)["images"].numpy()
    assert_within_a_level(sampled, gan.sample(5, seed=7, labels=1))


@pytest.mark.slow
@pytest.mark.representative
def test_an_unregistered_network_on_jax_is_refused(tmp_path, monkeypatch):
    class Scale(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 0.5

    generator = keras.Sequential(
        [keras.Input((LATENT_DIM,)), keras.layers.Dense(64), Scale(), keras.layers.Reshape((8, 8, 1))]
    )
    gan = make_gan(generator=generator)
    # The JAX backend's way also where the tests run on TensorFlow.
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match=r"must be registered with Keras(.|\n)*Scale"):
        gan.export(tmp_path / "gan")
    assert list(tmp_path.iterdir()) == []


# What a server of autoencoders does.
SERVE_AUTOENCODERS = """
import sys
import numpy as np
sys.modules["keras_genzoo"] = sys.modules["keras"] = None
import tensorflow as tf

arguments, *folders = sys.argv[1:]
given = np.load(arguments)
images, latents = tf.constant(given["images"]), tf.constant(given["latents"])
for folder in folders:
    signatures = tf.saved_model.load(folder).signatures
    assert set(signatures) == {"decode", "encode", "reconstruct", "sample", "serving_default", "serving_png"}
    np.savez(
        folder + "/results.npz",
        decoded=signatures["decode"](latents=latents)["images"],
        default=signatures["serving_default"](latents=latents)["images"],
        encoded=signatures["encode"](images=images)["latents"],
        reconstructed=signatures["reconstruct"](images=images)["images"],
        sampled=signatures["sample"](num=5, seed=7)["images"],
    )
"""


def make_autoencoder(family):
    keras.utils.set_random_seed(0)
    return getattr(kg.models, family)(image_shape=(8, 8, 1), latent_dim=LATENT_DIM)


def make_fitted_autoencoder():
    """A WAE-MMD with a prior of its own, whose images are not those of the standard normal."""
    autoencoder = make_autoencoder("WAEMMD")
    autoencoder.fit_prior(draw_images(40), num_components=3)
    fitted, standard = (autoencoder.sample(5, seed=7, prior=prior) for prior in ("fitted", "standard"))
    assert np.abs(fitted - standard).max() > 5 / 127.5
    return autoencoder


def draw_images(num):
    return np.random.default_rng(2).uniform(-1, 1, (num, 8, 8, 1)).astype("float32")


def assert_serve_as(autoencoders, tmp_path):
    """Compares what a process with TensorFlow alone gives with the answers of each folder's model."""
    latents, images = draw_latents(4), draw_images(3)
    np.savez(tmp_path / "arguments.npz", latents=latents, images=images)
    run_python(SERVE_AUTOENCODERS, tmp_path / "arguments.npz", *autoencoders)
    for folder, autoencoder in autoencoders.items():
        results = np.load(folder / "results.npz")
        np.testing.assert_allclose(results["decoded"], autoencoder.decode(latents), atol=1e-5)
        np.testing.assert_array_equal(results["decoded"], results["default"])
        np.testing.assert_allclose(results["encoded"], autoencoder.encode(images), atol=1e-5)
        np.testing.assert_allclose(results["reconstructed"], autoencoder.reconstruct(images), atol=1e-5)
        assert results["encoded"].dtype == results["reconstructed"].dtype == np.float32
        assert_within_a_level(results["sampled"], autoencoder.sample(5, seed=7))


@pytest.mark.slow
@pytest.mark.tensorflow
def test_an_autoencoder_serves_all_it_does_in_a_process_with_tensorflow_alone(tmp_path, capsys):
    autoencoders = {
        tmp_path / family: make_autoencoder(family) for family in ("Autoencoder", "VAE", "WAEGAN")
    }
    autoencoders[tmp_path / "fitted"] = make_fitted_autoencoder()
    for folder, autoencoder in autoencoders.items():
        autoencoder.export(folder, verbose=True)
        printed = capsys.readouterr().out
        assert "decode(latents), sample(num, seed), encode(images), reconstruct(images)." in printed
    assert_serve_as(autoencoders, tmp_path)


@pytest.mark.tensorflow
def test_signatures_of_an_autoencoder_name_their_inputs_and_types(tmp_path):
    make_autoencoder("VAE").export(tmp_path / "vae")
    latents, images = ("float32", [None, LATENT_DIM]), ("float32", [None, 8, 8, 1])
    expected = {
        "decode": ({"latents": latents}, {"images": images}),
        "serving_default": ({"latents": latents}, {"images": images}),
        "sample": ({"num": ("int32", []), "seed": ("int64", [])}, {"images": ("uint8", [None, 8, 8, 1])}),
        "encode": ({"images": images}, {"latents": latents}),
        "reconstruct": ({"images": images}, {"images": images}),
        "serving_png": ({"num": ("int32", []), "seed": ("int64", [])}, {"png": ("string", [None])}),
    }
    described = {
        name: tuple(
            {key: (spec.dtype.name, spec.shape.as_list()) for key, spec in specs.items()}
            for specs in (function.structured_input_signature[1], function.structured_outputs)
        )
        for name, function in signatures_of(tmp_path / "vae").items()
    }
    assert described == expected


@on_jax
def test_an_autoencoder_on_jax_is_exported(tmp_path):
    pytest.importorskip("tensorflow")
    autoencoders = {tmp_path / "vae": make_autoencoder("VAE"), tmp_path / "fitted": make_fitted_autoencoder()}
    for folder, autoencoder in autoencoders.items():
        autoencoder.export(folder)
    assert_serve_as(autoencoders, tmp_path)
