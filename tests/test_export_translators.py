"""Translators in other processes and other runtimes."""

import keras
import numpy as np
import pytest
from test_export import assert_within_a_level, on_jax, run_python, signatures_of

import keras_genzoo as kg
from tests import support

# Batch size, height and width are free.
SIZES = [(1, 32, 32), (3, 32, 32), (2, 64, 96)]

# What a server does: it has TensorFlow, and neither this package nor Keras.
SERVE = """
import sys
import numpy as np
sys.modules["keras_genzoo"] = sys.modules["keras"] = None
import tensorflow as tf

signatures = tf.saved_model.load(sys.argv[1]).signatures
given = np.load(sys.argv[2])
np.savez(
    sys.argv[3],
    **{
        f"{name} {key}": function(images=tf.constant(images))["images"]
        for name, function in signatures.items()
        for key, images in given.items()
        if name != "serving_png" and (images.dtype == "float32") == name.endswith("float32")
    },
)
"""


def make_pix2pix(**arguments):
    keras.utils.set_random_seed(0)
    generator = kg.networks.UNetGenerator((32, 32, 1), 3, width=4, **arguments)
    return support.as_if_trained(kg.models.Pix2Pix((32, 32, 3), generator=generator, width=2))


def make_pix2pix_without_transposed_convolutions():
    return make_pix2pix(upsampling="resize", normalization="instance")


def make_cyclegan():
    keras.utils.set_random_seed(0)
    return support.as_if_trained(kg.models.CycleGAN((32, 32, 3), width=4, num_blocks=2))


def draw_sources(model, size, dtype="float32"):
    images = np.random.default_rng(1).uniform(-1, 1, (*size, model.source_channels)).astype("float32")
    return images if dtype == "float32" else kg.pixels.to_uint8(images)


def translations(model, size, direction=None, dtype="float32"):
    translated = model.translate(draw_sources(model, size, dtype), direction)
    # Neither flat nor saturated: something to compare.
    assert translated.std() > 0.1 and np.mean(np.abs(translated) > 0.99) < 0.5
    return translated


def assert_serves_as(model, folder, tmp_path):
    """Compares what `SERVE` gives with the model's own translations."""
    sources = {
        f"{dtype} {index}": draw_sources(model, size, dtype)
        for dtype in ("float32", "uint8")
        for index, size in enumerate(SIZES)
    }
    np.savez(tmp_path / "sources.npz", **sources)
    run_python(SERVE, folder, tmp_path / "sources.npz", tmp_path / "results.npz")
    results = np.load(tmp_path / "results.npz")
    for index, size in enumerate(SIZES):
        for direction in model.tasks:
            name = "translate" if len(model.tasks) == 1 else f"translate_{direction}"
            expected = translations(model, size, direction)
            np.testing.assert_allclose(results[f"{name}_float32 float32 {index}"], expected, atol=1e-4)
            expected = translations(model, size, direction, "uint8")
            assert_within_a_level(results[f"{name} uint8 {index}"], expected)
        first = "translate" if len(model.tasks) == 1 else f"translate_{next(iter(model.tasks))}"
        default = results[f"serving_default uint8 {index}"]
        np.testing.assert_array_equal(default, results[f"{first} uint8 {index}"])


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize("make_model", [make_pix2pix, make_cyclegan])
def test_a_process_with_tensorflow_alone_gives_the_models_translations(make_model, tmp_path):
    model = make_model()
    model.export(tmp_path / "model")
    assert_serves_as(model, tmp_path / "model", tmp_path)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_signatures_name_their_inputs_and_types(tmp_path, capsys):
    make_pix2pix().export(tmp_path / "pix2pix", verbose=True)
    assert "translate(images), translate_float32(images)." in capsys.readouterr().out
    make_cyclegan().export(tmp_path / "cyclegan")
    described = {
        (folder, name): [
            (key, spec.dtype.name, spec.shape[-1] if spec.shape.rank else None)
            for specs in (function.structured_input_signature[1], function.structured_outputs)
            for key, spec in specs.items()
        ]
        for folder in ("pix2pix", "cyclegan")
        for name, function in signatures_of(tmp_path / folder).items()
    }
    assert described == {
        ("pix2pix", "translate"): [("images", "uint8", 1), ("images", "uint8", 3)],
        ("pix2pix", "serving_default"): [("images", "uint8", 1), ("images", "uint8", 3)],
        ("pix2pix", "serving_png"): [("png", "string", None), ("png", "string", 1)],
        ("cyclegan", "serving_png"): [("png", "string", None), ("png", "string", 1)],
        ("pix2pix", "translate_float32"): [("images", "float32", 1), ("images", "float32", 3)],
        **{
            ("cyclegan", f"translate_{direction}{suffix}"): [("images", dtype, 3)] * 2
            for direction in ("a_to_b", "b_to_a")
            for suffix, dtype in (("", "uint8"), ("_float32", "float32"))
        },
        ("cyclegan", "serving_default"): [("images", "uint8", 3)] * 2,
    }


@pytest.mark.slow
@pytest.mark.tensorflow
def test_sampling_dropout_draws_anew_in_a_saved_model(tmp_path):
    import tensorflow as tf

    model = make_pix2pix(sampling_dropout=True)
    model.export(tmp_path / "model")
    translate = signatures_of(tmp_path / "model")["translate_float32"]
    sources = tf.constant(draw_sources(model, SIZES[0]))
    first, second = (translate(images=sources)["images"].numpy() for _ in range(2))
    assert np.abs(first - second).max() > 0.01


@on_jax
def test_a_translator_on_jax_is_exported(tmp_path):
    pytest.importorskip("tensorflow")
    model = make_cyclegan()
    model.export(tmp_path / "model")
    assert_serves_as(model, tmp_path / "model", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "format", [pytest.param("onnx", marks=pytest.mark.representative), "litert", "openvino"]
)
@pytest.mark.parametrize(
    ("make_model", "direction"),
    [
        (make_pix2pix, "source_to_target"),
        (make_pix2pix_without_transposed_convolutions, "source_to_target"),
        # From JAX it goes the same way as the others.
        pytest.param(make_cyclegan, "b_to_a", marks=pytest.mark.tensorflow),
    ],
)
def test_another_runtime_gives_the_networks_translations(make_model, direction, format, tmp_path):
    packages, suffix, run = RUNTIMES[format]
    for package in packages:
        pytest.importorskip(package, reason=f"{package} of the extra `export` is not installed")
    model = make_model()
    model.export(tmp_path / f"network{suffix}", format=format, direction=direction)
    for size in SIZES:
        given = run(str(tmp_path / f"network{suffix}"), draw_sources(model, size))
        np.testing.assert_allclose(given, translations(model, size, direction), atol=1e-3)


def run_onnx(path, images):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return session.run(None, {session.get_inputs()[0].name: images})[0]


def run_litert(path, images):
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(path)
    index = network.get_input_details()[0]["index"]
    network.resize_tensor_input(index, images.shape)
    network.allocate_tensors()
    network.set_tensor(index, images)
    network.invoke()
    return network.get_tensor(network.get_output_details()[0]["index"])


def run_openvino(path, images):
    import openvino

    # Otherwise it computes in bfloat16 where the processor can.
    network = openvino.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return network(images)[0]


# Format -> packages that write and run it, suffix, and what runs it.
RUNTIMES = {
    "onnx": (("tf2onnx", "onnxruntime"), ".onnx", run_onnx),
    "litert": (("ai_edge_litert",), ".tflite", run_litert),
    "openvino": (("openvino",), ".xml", run_openvino),
}


@pytest.mark.slow_but("onnx")
@pytest.mark.parametrize("format", RUNTIMES)
def test_noise_that_another_runtime_cannot_draw_is_refused(format, tmp_path):
    with pytest.raises(ValueError, match=f"`format` '{format}' does not support .*`sampling_dropout=True`"):
        make_pix2pix(sampling_dropout=True).export(tmp_path / "network", format=format)
    assert list(tmp_path.iterdir()) == []


def test_a_direction_of_a_saved_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a SavedModel contains all of \['a_to_b', 'b_to_a'\]"):
        make_cyclegan().export(tmp_path / "model", direction="a_to_b")
