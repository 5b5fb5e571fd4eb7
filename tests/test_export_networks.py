"""Networks in the formats of other runtimes, each run by its runtime in a process without Keras."""

import json

import numpy as np
import pytest
from test_export import (
    LATENT_DIM,
    NUM_CLASSES,
    draw_images,
    draw_latents,
    make_autoencoder,
    make_gan,
    run_python,
)

import keras_genzoo as kg
from keras_genzoo.editing import Directions, principal_directions
from keras_genzoo.export import export_bundle

onnx = pytest.importorskip("onnx", reason="onnx of the extra `export` is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime of the extra `export` is not installed")
pytest.importorskip("tf2onnx", reason="tf2onnx of the extra `export` is not installed")

WITHOUT_KERAS = """
import json, sys
for package in ("keras", "keras_genzoo", "tensorflow"):
    sys.modules[package] = None
import numpy as np
file, given, results = sys.argv[1:]
given = dict(np.load(given))
"""
RUN = {
    "onnx": """
import onnxruntime
session = onnxruntime.InferenceSession(file)
names = [output.name for output in session.get_outputs()]
outputs = dict(zip(names, session.run(names, given)))
""",
    "openvino": """
import openvino
network = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
found = network(given)
outputs = {output.get_any_name(): found[output] for output in network.outputs}
""",
    "litert": """
from ai_edge_litert.interpreter import Interpreter
outputs = Interpreter(file).get_signature_runner()(**given)
""",
}
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "litert": ".tflite"}
PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino", "litert": "ai_edge_litert"}


def run_elsewhere(format, file, folder, **inputs):
    """Outputs by name of a file's own runtime, in a process that has neither Keras nor TensorFlow."""
    np.savez(folder / "inputs.npz", **inputs)
    code = f"{WITHOUT_KERAS}{RUN[format]}\nnp.savez(results, **outputs)"
    run_python(code, file, folder / "inputs.npz", folder / "outputs.npz")
    return dict(np.load(folder / "outputs.npz"))


def named(values):
    return [
        (value.name, [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim])
        for value in values
    ]


def properties(model):
    return {entry.key: entry.value for entry in model.metadata_props}


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.parametrize("format", ["onnx", "openvino", "litert"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int16"])
def test_the_runtime_gives_the_models_images_by_name(tmp_path, format, dtype):
    pytest.importorskip(PACKAGES[format], reason=f"{PACKAGES[format]} of the extra `export` is not installed")
    if (format, dtype) == ("litert", "int16"):
        pytest.skip("refused, as tested below")
    gan = make_gan(num_classes=NUM_CLASSES, average_decay=0.9)
    file = tmp_path / f"generator{SUFFIXES[format]}"
    gan.export(file, format, dtype=dtype)
    latents, labels = draw_latents(4), np.int32([0, 2, 1, 2])
    # LiteRT takes the batch size of its file until it is told otherwise.
    rows = slice(0, 1 if format == "litert" else 4)
    outputs = run_elsewhere(format, file, tmp_path, latents=latents[rows], labels=labels[rows])
    assert list(outputs) == ["images"]
    images = gan.sample(latents=latents, labels=labels)[rows]
    # Half a gray level.
    np.testing.assert_allclose(outputs["images"], images, atol=1e-5 if dtype == "float32" else 1 / 255)


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.parametrize(("dtype", "levels"), [("int16", 0.5), ("float16", 2)])
def test_16_bits_halve_the_file_of_a_released_model_that_onnx_runtime_loads(tmp_path, dtype, levels):
    model = kg.models.load("msg_gan_fashion_mnist_32")
    sizes = {}
    for each in ("float32", dtype):
        model.export(tmp_path / f"{each}.onnx", "onnx", dtype=each)
        sizes[each] = (tmp_path / f"{each}.onnx").stat().st_size
    assert sizes[dtype] < 0.52 * sizes["float32"]
    latents = np.random.default_rng(0).standard_normal((256, 64)).astype("float32")
    (images,) = onnxruntime.InferenceSession(tmp_path / f"{dtype}.onnx").run(None, {"latents": latents})
    assert 127.5 * np.abs(images - model.sample(latents=latents)).max() < levels


@pytest.mark.slow
@pytest.mark.representative
def test_an_onnx_file_says_what_it_holds(tmp_path):
    gan = make_gan(num_classes=NUM_CLASSES)
    gan.export(tmp_path / "gan.onnx", "onnx", metadata={"name": "mine", "license": "MIT"})
    model = onnx.load(tmp_path / "gan.onnx")
    assert named(model.graph.input) == [("latents", ["batch", LATENT_DIM]), ("labels", ["batch"])]
    assert named(model.graph.output) == [("images", ["batch", 8, 8, 1])]
    told = properties(model)
    assert len(told.pop("weights_sha256")) == 64
    assert told == {
        "class": "GAN",
        "keras_genzoo_version": kg.__version__,
        "license": "MIT",
        "name": "mine",
        "signature": "generate",
        "value_range": "[-1, 1]",
    }


@pytest.mark.slow
def test_the_hash_follows_the_weights(tmp_path):
    gan = make_gan()
    hashes = []
    for change in (0.0, 0.0, 0.1):
        kernel = gan.generator.trainable_variables[0]
        kernel.assign(kernel + change)
        gan.export(tmp_path / "gan.onnx", "onnx")
        hashes.append(properties(onnx.load(tmp_path / "gan.onnx"))["weights_sha256"])
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.slow
@pytest.mark.tensorflow
def test_metadata_of_openvino_and_litert(tmp_path):
    openvino = pytest.importorskip("openvino", reason="openvino of the extra `export` is not installed")
    pytest.importorskip("ai_edge_litert", reason="ai_edge_litert of the extra `export` is not installed")
    from tensorflow.lite.tools import flatbuffer_utils

    gan = make_gan()
    gan.export(tmp_path / "gan.xml", "openvino", metadata={"license": "MIT"})
    told = openvino.Core().read_model(tmp_path / "gan.xml").get_rt_info("keras_genzoo").astype(dict)
    assert told["license"] == "MIT" and told["class"] == "GAN"
    gan.export(tmp_path / "gan.tflite", "litert", metadata={"license": "MIT"})
    model = flatbuffer_utils.read_model(str(tmp_path / "gan.tflite"))
    (buffer,) = [model.buffers[entry.buffer] for entry in model.metadata if entry.name == b"keras_genzoo"]
    assert json.loads(bytes(buffer.data)) == told


@pytest.mark.slow
@pytest.mark.tensorflow
def test_litert_with_a_fixed_batch(tmp_path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="ai_edge_litert is not installed")
    gan = make_gan()
    gan.export(tmp_path / "gan.tflite", "litert", batch_size=3)
    (details,) = interpreter.Interpreter(str(tmp_path / "gan.tflite")).get_input_details()
    assert details["shape_signature"].tolist() == details["shape"].tolist() == [3, LATENT_DIM]


@pytest.mark.slow
@pytest.mark.representative
def test_a_bundle_holds_the_networks_and_what_a_server_must_know(tmp_path):
    autoencoder = make_autoencoder("VAE")
    autoencoder.fit_prior(draw_images(40), num_components=2)
    autoencoder.directions["tall"] = Directions(np.eye(LATENT_DIM)[:1], np.array([2.0]))
    described = export_bundle(autoencoder, tmp_path / "vae", metadata={"name": "my_vae"})
    assert json.loads((tmp_path / "vae" / "model.json").read_text()) == described
    assert sorted(path.name for path in (tmp_path / "vae").iterdir()) == [
        "decode.onnx",
        "encode.onnx",
        "model.json",
    ]
    assert described["name"] == "my_vae" and described["class"] == "VAE"
    assert described["latent"] == {"distribution": "normal", "dim": LATENT_DIM}
    assert np.shape(described["prior"]["factors"]) == (2, LATENT_DIM, LATENT_DIM)
    principal = principal_directions(autoencoder)
    directions = described["directions"]
    assert directions["names"] == ["tall", *[None] * len(principal.scales)]
    np.testing.assert_allclose(directions["vectors"], [np.eye(LATENT_DIM)[0], *principal.vectors], atol=1e-6)
    np.testing.assert_allclose(directions["scales"], [2.0, *principal.scales], atol=1e-6)
    images = draw_images(3)
    file = tmp_path / "vae" / described["networks"]["encode"]["file"]
    (latents,) = onnxruntime.InferenceSession(file).run(["latents"], {"images": images})
    np.testing.assert_allclose(latents, autoencoder.encode(images), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filepath": "gan.tflite", "format": "onnx"}, r"`filepath` must end with '.onnx'.*gan.tflite"),
        (
            {"filepath": "gan.onnx", "format": "onnx", "dtype": "int8"},
            r"`dtype` must be one of \['float32', 'float16', 'int16'\]. Received: 'int8'",
        ),
        (
            {"filepath": "gan.tflite", "format": "litert", "dtype": "int16"},
            "'int16' is not available for `format` 'litert'.*Use 'float16'",
        ),
        (
            {"filepath": "gan.onnx", "format": "onnx", "signature": "encode"},
            r"`signature` must be one of \['generate'\]",
        ),
        ({"filepath": "gan.onnx", "format": "onnx", "batch_size": 0}, "`batch_size` must be"),
        ({"filepath": "gan", "dtype": "float16"}, "`dtype` is for formats with one network"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_written(tmp_path, arguments, message):
    arguments["filepath"] = tmp_path / arguments["filepath"]
    with pytest.raises(ValueError, match=message):
        make_gan().export(**arguments)
    assert list(tmp_path.iterdir()) == []
