"""Folders for other servers, read by the schemas of those servers."""

import numpy as np
import pytest
from test_export import LATENT_DIM, NUM_CLASSES, make_autoencoder, make_gan

from keras_genzoo.export import export_tensorflow_serving, export_triton

text_format = pytest.importorskip("google.protobuf.text_format", reason="protobuf is not installed")


@pytest.mark.slow
@pytest.mark.representative
def test_a_model_repository_of_triton(tmp_path):
    schema = pytest.importorskip(
        "tritonclient.grpc.model_config_pb2", reason="tritonclient[grpc] is not installed"
    )
    onnxruntime = pytest.importorskip(
        "onnxruntime", reason="onnxruntime of the extra `export` is not installed"
    )
    pytest.importorskip("tf2onnx", reason="tf2onnx of the extra `export` is not installed")
    gan = make_gan(num_classes=NUM_CLASSES)
    export_triton(gan, tmp_path / "repository", metadata={"name": "gan"})
    assert sorted(path.name for path in (tmp_path / "repository").iterdir()) == [
        "gan_generate",
        "kserve.yaml",
    ]
    folder = tmp_path / "repository" / "gan_generate"
    config = text_format.Parse((folder / "config.pbtxt").read_text(), schema.ModelConfig())
    assert (
        config.name == folder.name
        and config.platform == "onnxruntime_onnx"
        and config.HasField("dynamic_batching")
    )
    latents, labels = config.input
    assert (latents.name, list(latents.dims), latents.data_type) == (
        "latents",
        [LATENT_DIM],
        schema.TYPE_FP32,
    )
    assert (labels.name, list(labels.dims), labels.data_type) == ("labels", [1], schema.TYPE_INT32)
    assert labels.HasField("reshape") and not labels.reshape.shape
    (images,) = config.output
    assert (images.name, list(images.dims)) == ("images", [8, 8, 1])
    # What is declared is what the file takes.
    session = onnxruntime.InferenceSession(folder / "1" / "model.onnx")
    given = {"latents": np.zeros((2, LATENT_DIM), "float32"), "labels": np.int32([0, 2])}
    assert session.run(["images"], given)[0].shape == (2, 8, 8, 1)


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.parametrize(("name", "allowed"), [("my_GAN", "my-gan"), ("64_faces", "model-64-faces")])
def test_the_manifest_of_kserve_is_of_its_fields(tmp_path, name, allowed):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    pytest.importorskip("tf2onnx", reason="tf2onnx of the extra `export` is not installed")
    export_triton(make_gan(), tmp_path / name)
    manifest = yaml.safe_load((tmp_path / name / "kserve.yaml").read_text())
    resources = manifest["spec"]["predictor"]["model"].pop("resources")
    assert manifest == {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": allowed},
        "spec": {
            "predictor": {
                "model": {
                    "modelFormat": {"name": "triton"},
                    "protocolVersion": "v2",
                    "storageUri": f"pvc://models/{allowed}",
                }
            }
        },
    }
    assert {*resources} == {"requests", "limits"}
    assert all({*amounts} == {"cpu", "memory"} for amounts in resources.values())


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_folder_for_tensorflow_serving(tmp_path):
    import tensorflow as tf

    schema = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2", reason="tensorflow-serving-api is not installed"
    )
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    export_tensorflow_serving(make_autoencoder("VAE"), tmp_path / "serving", metadata={"name": "vae"})
    folder = tmp_path / "serving"
    (config,) = text_format.Parse(
        (folder / "models.config").read_text(), schema.ModelServerConfig()
    ).model_config_list.config
    assert (config.name, config.base_path) == ("vae", "/models/vae")
    assert (folder / "batching.config").read_text().startswith("max_batch_size { value: 64 }\n")
    assert "decode" in tf.saved_model.load(str(folder / "vae" / "1")).signatures
    assert yaml.safe_load((folder / "compose.yaml").read_text())["services"]["vae"]["build"] == "."
    assert "COPY vae /models/vae" in (folder / "Dockerfile").read_text()
