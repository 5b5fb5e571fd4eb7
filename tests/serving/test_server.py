"""`genzoo serve` as its clients see it: a process of its own, asked by libraries that others wrote."""

import base64
import concurrent.futures
import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import support
from PIL import Image

import keras_genzoo as kg
from keras_genzoo.export import export_bundle

requests = pytest.importorskip("requests", reason="requests is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.representative]

LATENT_DIM = 6
NUM_CLASSES = 3


def make_models():
    keras.utils.set_random_seed(0)
    gan = kg.models.GAN(image_shape=(8, 8, 1), latent_dim=LATENT_DIM, width=4)
    conditional = kg.models.GAN(
        image_shape=(8, 8, 3), latent_dim=LATENT_DIM, width=4, num_classes=NUM_CLASSES
    )
    vae = kg.models.VAE(image_shape=(8, 8, 1), latent_dim=LATENT_DIM)
    vae.fit_prior(np.random.default_rng(2).uniform(-1, 1, (40, 8, 8, 1)).astype("float32"), num_components=3)
    pix2pix = kg.models.Pix2Pix(
        (32, 32, 3), generator=kg.networks.UNetGenerator((32, 32, 1), 3, width=4), width=2
    )
    painter = kg.models.SPADE(
        (8, 8, 3),
        num_labels=3,
        style_dim=2,
        width=2,
        generator=kg.networks.SPADEGenerator(
            3, image_shape=(8, 8, 3), width=2, multiples=(2, 1), hidden=2, style_dim=2
        ),
    )
    edged = kg.models.Pix2PixHD(
        (8, 8, 3),
        num_labels=3,
        has_edges=True,
        width=2,
        generator=kg.networks.ResNetTranslator(
            2, 3, width=2, num_blocks=1, num_downsamplings=1, num_labels=3
        ),
    )
    stargan = kg.models.StarGANv2(
        (8, 8, 3), 2, latent_dim=4, width=2, max_width=4, hidden=4, domain_names=["cat", "dog"]
    )
    upscaler = kg.models.ESRGAN(
        (32, 32, 3), 4, generator=kg.networks.RRDBSuperResolver(3, 4, width=4, growth=2, num_blocks=1)
    )
    domains = kg.models.StarGAN((8, 8, 3), 2, width=2, num_blocks=1, domain_names=["cat", "dog"])
    models = {
        "gan": gan,
        "conditional": conditional,
        "vae": vae,
        "pix2pix": pix2pix,
        "painter": painter,
        "stargan": stargan,
        "edged": edged,
        "upscaler": upscaler,
        "domains": domains,
    }
    models = {name: support.as_if_trained(model) for name, model in models.items()}
    # Images of different seeds are to differ by more than rounding.
    for variable in gan.generator.trainable_variables:
        variable.assign(2 * variable)
    return models


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The models, and the folders of their bundles."""
    folder = tmp_path_factory.mktemp("bundles")
    models = make_models()
    for name, model in models.items():
        export_bundle(model, folder / name)
    return models, [folder / name for name in models]


class Server:
    """A running `genzoo serve`."""

    def __init__(self, folders, log, *options):
        command = [sys.executable, "-m", "keras_genzoo", "serve", *map(str, folders), "--port", "0", *options]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        self.log = log
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log.open("w"), text=True, env=environment
        )
        line = self.process.stdout.readline()
        assert " at http://" in line, log.read_text()
        self.address = line.split()[-1]

    def get(self, path, **parameters):
        return requests.get(f"{self.address}{path}", params=parameters, timeout=30)

    def post(self, path, body, **options):
        data = body if isinstance(body, bytes) else json.dumps(body)
        return requests.post(f"{self.address}{path}", data=data, timeout=30, **options)

    def predict(self, model, **body):
        return self.post(f"/v1/models/{model}:predict", body)

    def end(self):
        self.process.terminate()
        return self.process.wait(40)


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    server = Server(models[1], tmp_path_factory.mktemp("server") / "log.jsonl")
    yield server
    server.end()


def picture_of(response):
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/png"
    image = np.asarray(Image.open(io.BytesIO(response.content)))
    return image if image.ndim == 3 else image[..., None]


def assert_within_a_level(found, images):
    np.testing.assert_allclose(np.asarray(found, int), kg.pixels.to_uint8(images).astype(int), atol=1)


JSON = {"Content-Type": "application/json"}


def base64_of(image):
    return base64.b64encode(png_of(image)).decode()


def png_of(image):
    file = io.BytesIO()
    Image.fromarray(image.squeeze()).save(file, "PNG")
    return file.getvalue()


def black(height, width):
    return np.zeros((height, width, 1), "uint8")


class TestPictures:
    @pytest.mark.parametrize(("name", "label"), [("gan", None), ("conditional", 2), ("vae", None)])
    def test_a_seed_gives_the_models_image(self, models, server, name, label):
        options = {} if label is None else {"label": label}
        image = picture_of(server.get("/sample", model=name, seed=7, **options))
        expected = models[0][name].sample(1, seed=7, **({"labels": label} if options else {}))
        assert_within_a_level(image, expected[0])

    def test_several_images_are_a_grid(self, models, server):
        grid = picture_of(server.get("/sample", model="gan", seed=1, num=5))
        from keras_genzoo.images.grids import image_grid

        assert_within_a_level(grid, image_grid(models[0]["gan"].sample(5, seed=1)))

    @pytest.mark.parametrize("kind", ["labels", "colors"])
    def test_a_painted_label_map_becomes_a_picture(self, models, server, kind):
        labels = np.random.default_rng(0).integers(0, 3, (8, 8, 1)).astype("uint8")
        painted = labels if kind == "labels" else kg.visualization.label_colors(3)[labels[..., 0]]
        # Of another size than the network takes.
        image = picture_of(server.post("/translate?model=painter", png_of(painted.repeat(3, 0).repeat(3, 1))))
        assert_within_a_level(image, models[0]["painter"].translate(labels))

    @pytest.mark.parametrize(
        ("picture", "message"),
        [
            (np.full((8, 8, 1), 3, "uint8"), "labels from 0 to 2. Received labels from 3 to 3"),
            (np.full((8, 8, 3), 9, "uint8"), "colors that are not those of labels, such as #090909"),
        ],
    )
    def test_what_is_no_label_map_is_refused(self, server, picture, message):
        response = server.post("/translate?model=painter", png_of(picture))
        assert response.status_code == 400
        error = response.json()["error"]
        assert message in error and error.startswith("The body cannot be read: the picture")

    def test_a_picture_without_edges_is_refused(self, server):
        response = server.post("/translate?model=edged", png_of(np.zeros((8, 8, 1), "uint8")))
        assert response.status_code == 400
        assert "label maps with edges, but a picture has labels only" in response.json()["error"]
        assert "'translate' with arrays of 2 channels" in response.json()["error"]

    def test_a_picture_of_any_size_is_translated(self, models, server):
        source = np.random.default_rng(0).integers(0, 256, (37, 50, 1), "uint8")
        image = picture_of(server.post("/translate?model=pix2pix", png_of(source)))
        assert_within_a_level(image, models[0]["pix2pix"].translate(source, fit="pad"))

    def test_a_picture_is_enlarged(self, models, server):
        source = np.random.default_rng(0).integers(0, 256, (9, 7, 3), "uint8")
        image = picture_of(server.post("/translate?model=upscaler", png_of(source)))
        assert image.shape == (36, 28, 3)
        assert_within_a_level(image, models[0]["upscaler"].upscale(source))
        answer = server.predict("upscaler", instances=source[None].tolist())
        assert_within_a_level(answer.json()["predictions"], models[0]["upscaler"].upscale(source[None]))

    @pytest.mark.parametrize(("domain", "number"), [("dog", 1), ("1", 1), (None, 0)])
    @pytest.mark.parametrize("seed", [7, None])
    def test_a_picture_is_translated_into_a_domain(self, models, server, domain, number, seed):
        source = np.random.default_rng(0).integers(0, 256, (9, 7, 3), "uint8")
        query = "".join(
            f"&{name}={value}" for name, value in (("domain", domain), ("seed", seed)) if value is not None
        )
        image = picture_of(server.post(f"/translate?model=stargan{query}", png_of(source)))
        expected = models[0]["stargan"].translate(source, fit="pad", domain=number, seed=seed)
        assert_within_a_level(image, expected)

    def test_a_picture_is_translated_by_the_domain_alone(self, models, server):
        source = np.random.default_rng(0).integers(0, 256, (9, 7, 3), "uint8")
        image = picture_of(server.post("/translate?model=domains&domain=dog", png_of(source)))
        assert_within_a_level(image, models[0]["domains"].translate(source, fit="pad", domain=1))

    @pytest.mark.parametrize(("name", "domain"), [("painter", None), ("stargan", "dog")])
    @pytest.mark.parametrize("kind", ["reference", "style", "seed"])
    def test_a_picture_is_translated_in_a_style(self, models, server, name, domain, kind):
        rng, model = np.random.default_rng(0), models[0][name]
        source = rng.integers(0, 3, (8, 8, 1 if name == "painter" else 3)).astype("uint8")
        # Of the size of the images, so that it is not resized.
        reference = rng.integers(0, 256, (8, 8, 3)).astype("uint8")
        into = {} if domain is None else {"domain": 1}
        style = model.styles_of(reference[None], **into)[0]
        body, query = {"image": base64_of(source)}, "" if domain is None else f"&domain={domain}"
        expected = model.translate(source, styles=style)
        if kind == "seed":
            query += "&seed=3"
            expected = model.translate(source, seed=3, **into)
        else:
            body[kind] = base64_of(reference) if kind == "reference" else style.tolist()
        image = picture_of(server.post(f"/translate?model={name}{query}", body, headers=JSON))
        assert_within_a_level(image, expected)
        plain = picture_of(
            server.post(f"/translate?model={name}", {"image": base64_of(source)}, headers=JSON)
        )
        assert np.abs(image.astype(int) - plain).max() > 1

    @pytest.mark.parametrize(
        ("query", "body", "message"),
        [
            ("stargan", {"style": [0.0] * 3}, "it needs the key `image`"),
            ("stargan", {"image": "?"}, "must be a JSON object with picture files in base64"),
            ("stargan", {"image": None}, "`image` must be a string"),
            ("stargan", {"image": "eA==", "styles": [1]}, "may have `reference` or `style`"),
            ("stargan", {"style": [0.0] * 3, "image": ""}, "`image` must be a picture file"),
            ("stargan", {"style": [0.0]}, "`style` must have the shape (64). Received: (1,)"),
            ("stargan&seed=1", {"style": [0.0] * 64}, "Only one of `seed` and `style` can set the style."),
            ("pix2pix", {"style": [0.0]}, "`style` was given, but 'pix2pix' has no styles."),
            ("stargan", {"reference": "eA=="}, "`reference` must be the bytes of a picture"),
        ],
    )
    def test_bad_styles_are_told_what_to_do(self, server, query, body, message):
        if "key `image`" not in message:
            body = {"image": base64_of(np.zeros((8, 8, 3), "uint8")), **body}
        response = server.post(f"/translate?model={query}", body, headers=JSON)
        assert response.status_code == 400 and message in response.json()["error"]

    def test_a_description_tells_what_a_task_takes_and_makes(self, server):
        tasks = {model["name"]: model["tasks"] for model in server.get("/models").json()}
        kinds = {
            name: [(task["source_kind"], task["target_kind"]) for task in each.values()]
            for name, each in tasks.items()
            if each
        }
        assert kinds == {
            "pix2pix": [("drawing", "image")],
            "painter": [("labels", "image")],
            "stargan": [("image", "image")],
            "edged": [("labels", "image")],
            "upscaler": [("image", "image")],
            "domains": [("image", "image")],
        }

    @pytest.mark.parametrize("name", ["painter", "stargan"])
    def test_signatures_take_and_encode_styles(self, models, server, name):
        model = models[0][name]
        images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("uint8")
        domains = {"domains": [1, 0]} if name == "stargan" else {}
        inputs = {"images": images.tolist(), **domains}
        answer = server.predict(name, signature_name="encode_styles", inputs=inputs)
        styles = np.array(answer.json()["outputs"])
        expected = model.styles_of(images, *([[1, 0]] if domains else []))
        np.testing.assert_allclose(styles, expected, atol=1e-4)
        sources = images[..., :1] % 3 if name == "painter" else images
        inputs = {"images": sources.tolist(), "styles": styles.tolist()}
        answer = server.predict(name, signature_name="translate_styled", inputs=inputs)
        assert_within_a_level(answer.json()["outputs"], model.translate(sources, styles=styles))

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("model=stargan&domain=bird", "`domain` must be one of cat, dog, or a number from 0 to 1."),
            ("model=stargan&domain=2", "`domain` must be one of cat, dog, or a number from 0 to 1."),
            ("model=stargan&seed=-1", "`seed` must be from 0 to 4294967295"),
            ("model=pix2pix&domain=1", "`domain` was given, but 'pix2pix' has no domains."),
            ("model=pix2pix&seed=1", "`seed` was given, but 'pix2pix' has no styles."),
            ("model=domains&seed=1", "`seed` was given, but 'domains' has no styles."),
        ],
    )
    def test_bad_domains_are_told_what_to_do(self, server, query, message):
        response = server.post(f"/translate?{query}", png_of(np.zeros((8, 8, 3), "uint8")))
        assert response.status_code == 400 and message in response.json()["error"]

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            (
                "/sample",
                "`model` is missing. It must be one of "
                "gan, conditional, vae, pix2pix, painter, stargan, edged, upscaler, domains.",
            ),
            ("/sample?model=gan&num=0", "`num` must be from 1 to 256. Received: 0"),
            ("/sample?model=gan&num=257", "`num` must be from 1 to 256. Received: 257"),
            ("/sample?model=gan&seed=-1", "`seed` must be from 0 to 4294967295. Received: -1"),
            ("/sample?model=gan&seed=1.5", "`seed`: Input should be a valid integer"),
            ("/sample?model=gan&label=1", "`label` was given, but 'gan' has no classes."),
            ("/sample?model=conditional&label=3", "`label` must be from 0 to 2. Received: 3"),
            ("/sample?model=pix2pix", "`model` 'pix2pix' cannot sample. It can: translate."),
        ],
    )
    def test_bad_requests_are_told_what_to_do(self, server, path, message):
        response = server.get(path)
        assert response.status_code == 400
        assert message in response.json()["error"]

    @pytest.mark.parametrize(
        ("query", "body", "message"),
        [
            ("model=pix2pix", b"", "must be a picture file"),
            ("model=pix2pix", b"no picture", "The body must be the bytes of a picture (PNG, JPEG"),
            (
                "model=pix2pix",
                png_of(np.zeros((1, 150_000, 1), "uint8")),
                "`images` must have at most 4000000 pixels",
            ),
            (
                "model=pix2pix",
                png_of(np.zeros((2001, 2000, 1), "uint8")),
                "The body must be a picture of at most 4000000 pixels",
            ),
            (
                "model=pix2pix&direction=back",
                b"x",
                "`direction` must be one of source_to_target. Received: 'back'",
            ),
            ("model=gan", b"x", "'gan' cannot translate"),
            ("model=pix2pix&size=9999", b"x", "`size` must be from 1 to 2000. Received: 9999"),
        ],
    )
    def test_bad_pictures_are_told_what_to_do(self, server, query, body, message):
        response = server.post(f"/translate?{query}", body)
        assert response.status_code == 400
        assert message in response.json()["error"]

    def test_an_unknown_model_is_not_found(self, server):
        response = server.get("/sample", model="gna")
        assert response.status_code == 404
        names = "gan, conditional, vae, pix2pix, painter, stargan, edged, upscaler, domains"
        assert f"Models: {names}." in response.json()["error"]


class TestTensorFlowServing:
    def test_rows_of_the_only_input(self, models, server):
        latents = np.random.default_rng(0).standard_normal((2, LATENT_DIM)).astype("float32")
        answer = server.predict("gan", instances=latents.tolist())
        np.testing.assert_allclose(
            answer.json()["predictions"], models[0]["gan"].sample(latents=latents), atol=1e-5
        )

    def test_rows_of_several_inputs_and_columns(self, models, server):
        latents = np.random.default_rng(0).standard_normal((2, LATENT_DIM)).astype("float32")
        rows = [
            {"latents": row, "labels": label} for row, label in zip(latents.tolist(), [2, 0], strict=True)
        ]
        expected = models[0]["conditional"].sample(latents=latents, labels=[2, 0])
        answer = server.predict("conditional", instances=rows, signature_name="serving_default")
        np.testing.assert_allclose(answer.json()["predictions"], expected, atol=1e-5)
        answer = server.predict("conditional", inputs={"latents": latents.tolist(), "labels": [2, 0]})
        np.testing.assert_allclose(answer.json()["outputs"], expected, atol=1e-5)

    def test_other_signatures(self, models, server):
        vae = models[0]["vae"]
        sampled = server.predict("vae", signature_name="sample", inputs={"num": 3, "seed": 5}).json()[
            "outputs"
        ]
        assert_within_a_level(sampled, vae.sample(3, seed=5))
        images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)).astype("float32")
        for signature in ("encode", "reconstruct"):
            answer = server.predict("vae", signature_name=signature, instances=images.tolist()).json()
            np.testing.assert_allclose(
                answer["predictions"], getattr(vae, signature)(images), rtol=1e-5, atol=1e-4
            )

    def test_status_and_metadata(self, server):
        (version,) = server.get("/v1/models/vae").json()["model_version_status"]
        assert version["state"] == "AVAILABLE"
        described = server.get("/v1/models/vae/metadata").json()["metadata"]["signature_def"]["signature_def"]
        assert {*described} == {"decode", "encode", "reconstruct", "sample", "serving_default"}
        assert described["sample"]["inputs"]["seed"]["dtype"] == "DT_INT64"

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({}, "Pass either `instances`"),
            ({"instances": []}, "`instances` must be a list of at least one row"),
            ({"instances": [[1.0]]}, r"`latents` must have the shape (any, 6). Received: (1, 1)"),
            ({"instances": [["a"] * 6]}, "`latents` must be a regular array of float32 values"),
            ({"instances": [[1.0] * 5 + [float("nan")]]}, "`latents` must have finite values"),
            ({"instances": [[1.0], [1.0, 2.0]]}, "`latents` must be a regular array of float32 values"),
            ({"inputs": {"z": [1.0]}}, "`z` is not an input. The inputs are: latents."),
            ({"inputs": {}}, "`latents` is missing"),
            ({"instances": [[0.0] * 6] * 257}, "`latents` must have at most 256 rows. Received: 257"),
            ({"signature_name": ["sample"], "instances": [[1.0]]}, "`signature_name` must be one of"),
            (
                {"signature_name": "encode", "instances": [[1.0]]},
                "`signature_name` must be one of generate, sample",
            ),
            ({"signature_name": "sample", "inputs": {"num": 1.5, "seed": 0}}, "`num` must have int32 values"),
            (
                {"signature_name": "sample", "inputs": {"num": 1000, "seed": 0}},
                "`num` must be from 1 to 256",
            ),
        ],
    )
    def test_bad_bodies_are_told_what_to_do(self, server, body, message):
        response = server.predict("gan", **body)
        assert response.status_code == 400
        assert message in response.json()["error"]

    @pytest.mark.parametrize("signature", ["translate", "translate_float32"])
    @pytest.mark.parametrize("name", ["painter", "edged"])
    def test_label_maps_are_translated(self, models, server, name, signature):
        labels = np.random.default_rng(0).integers(0, 3, (2, 8, 8, 1))
        maps = labels if name == "painter" else np.concatenate([labels, labels[:, ::-1] % 2], axis=-1)
        expected = models[0][name].translate(maps)
        answer = server.predict(name, signature_name=signature, instances=maps.tolist())
        assert answer.status_code == 200, answer.text
        found = np.array(answer.json()["predictions"])
        if signature == "translate":
            assert_within_a_level(found, expected)
        else:
            np.testing.assert_allclose(found, expected, atol=1e-4)

    @pytest.mark.parametrize("signature", ["translate", "translate_float32"])
    @pytest.mark.parametrize(
        ("name", "maps", "message"),
        [
            ("painter", np.full((1, 8, 8, 1), 3), "`images` must contain labels from 0 to 2. .* from 3 to 3"),
            (
                "painter",
                -np.eye(8)[None, ..., None],
                "`images` must (contain labels from 0|have uint8 values).* -1",
            ),
            (
                "painter",
                np.full((1, 8, 8, 1), 0.5),
                "`images` must have .*(integers|uint8).* Received: 0.5",
            ),
            ("painter", np.full((1, 8, 8, 1), np.nan), "`images` must have finite values"),
            ("painter", np.full((1, 8, 8, 1), 1e300), "`images` must have (finite|uint8) values"),
            ("painter", np.zeros((1, 8, 8, 2)), r"`images` must have the shape \(any, 8, 8, 1\)"),
            ("painter", np.zeros((1, 8, 16, 1)), r"`images` must have the shape \(any, 8, 8, 1\)"),
            ("painter", np.zeros((8, 8, 1)), r"`images` must have the shape \(any, 8, 8, 1\)"),
            ("painter", np.full((1, 8, 8, 1), "1"), "`images` must have (uint8|float32) values"),
            ("edged", np.zeros((1, 8, 8, 1)), r"`images` must have the shape \(any, any, any, 2\)"),
            (
                "edged",
                np.zeros((1, 7, 8, 2)),
                "`images` must have a height and a width that are multiples of 2",
            ),
            ("edged", np.full((1, 8, 8, 2), 2), "The second channel of `images` must be 1 at the edges"),
            ("edged", np.full((1, 8, 8, 2), 3), "`images` must contain labels from 0 to 2. .* from 3 to 3"),
        ],
    )
    def test_bad_label_maps_are_told_what_to_do(self, server, signature, name, maps, message):
        response = server.predict(name, signature_name=signature, instances=maps.tolist())
        assert response.status_code == 400, response.text
        assert re.search(message, response.json()["error"])

    def test_what_is_not_json_is_refused(self, server):
        for body in (b"{", b"[1]", b"[" * 200_000):
            response = server.post("/v1/models/gan:predict", body)
            assert response.status_code == 400 and "The body must be" in response.json()["error"]


class TestOpenInference:
    """The client of Triton, unchanged."""

    @pytest.fixture
    def client(self, server):
        http = pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed")
        with http.InferenceServerClient(server.address.removeprefix("http://")) as client:
            yield client, http

    def test_health_metadata_and_index(self, client):
        client, _ = client
        assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("gan")
        described = client.get_model_metadata("conditional")
        assert described["inputs"] == [
            {"name": "latents", "datatype": "FP32", "shape": [-1, LATENT_DIM]},
            {"name": "labels", "datatype": "INT32", "shape": [-1]},
        ]
        assert "vae.encode" in [entry["name"] for entry in client.get_model_repository_index()]

    @pytest.mark.parametrize("binary", [True, False])
    def test_inference(self, models, client, binary):
        client, http = client
        latents = np.random.default_rng(0).standard_normal((3, LATENT_DIM)).astype("float32")
        labels = np.int32([0, 2, 1])
        given = http.InferInput("latents", [3, LATENT_DIM], "FP32"), http.InferInput("labels", [3], "INT32")
        for tensor, array in zip(given, (latents, labels), strict=True):
            tensor.set_data_from_numpy(array, binary_data=binary)
        outputs = [http.InferRequestedOutput("images", binary_data=binary)]
        result = client.infer("conditional", list(given), outputs=outputs, request_id="mine")
        expected = models[0]["conditional"].sample(latents=latents, labels=labels)
        np.testing.assert_allclose(result.as_numpy("images"), expected, atol=1e-5)
        assert result.get_response()["id"] == "mine"

    def test_samples_of_a_seed(self, models, client):
        client, http = client
        given = []
        for name, value, datatype in (("num", np.int32([4]), "INT32"), ("seed", np.int64([9]), "INT64")):
            given.append(http.InferInput(name, [1], datatype))
            given[-1].set_data_from_numpy(value)
        sampled = client.infer("gan.sample", given).as_numpy("images")
        assert sampled.dtype == np.uint8
        assert_within_a_level(sampled, models[0]["gan"].sample(4, seed=9))

    def test_bad_requests_are_told_what_to_do(self, client):
        client, http = client
        from tritonclient.utils import InferenceServerException

        wrong = http.InferInput("latents", [1, 2], "FP32")
        wrong.set_data_from_numpy(np.ones((1, 2), "float32"))
        with pytest.raises(InferenceServerException, match=r"`latents` must have the shape \(any, 6\)"):
            client.infer("gan", [wrong])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"inputs": [{"name": "latents", "shape": [1, 6], "datatype": "INT32", "data": [1] * 6}]},
                "must be FP32",
            ),
            (
                {"inputs": [{"name": "z", "shape": [1], "datatype": "FP32", "data": [1]}]},
                "'z' is not an input",
            ),
            ({"inputs": [{"name": "latents", "datatype": "FP32", "data": [1]}]}, "a tensor without 'shape'"),
            (
                {"inputs": [{"name": "latents", "shape": [-1, 6], "datatype": "FP32", "data": [1] * 6}]},
                "has the shape",
            ),
            ({"outputs": 5}, "`outputs` must be a list of objects"),
            ({"outputs": [{"name": [1]}]}, "`outputs` must be a list of objects"),
            ({"inputs": 5}, "it has no list of `inputs`"),
        ],
    )
    def test_odd_bodies_are_told_what_to_do(self, server, change, message):
        latents = {
            "name": "latents",
            "shape": [1, LATENT_DIM],
            "datatype": "FP32",
            "data": [0.5] * LATENT_DIM,
        }
        assert server.post("/v2/models/gan/infer", {"inputs": [latents]}).status_code == 200
        response = server.post("/v2/models/gan/infer", {"inputs": [latents], **change})
        assert response.status_code == 400 and message in response.json()["error"]


class TestLoad:
    def test_every_client_gets_the_image_of_its_own_seed(self, models, server):
        gan = models[0]["gan"]
        latents = np.concatenate([gan.latent.from_seed(1, seed) for seed in range(1000)])
        expected = kg.pixels.to_uint8(gan.sample(latents=latents)).astype(int)
        session = threading.local()

        def ask(seed):
            if not hasattr(session, "value"):
                session.value = requests.Session()
            response = session.value.get(f"{server.address}/sample?model=gan&seed={seed}", timeout=60)
            return np.asarray(Image.open(io.BytesIO(response.content)), int)

        with concurrent.futures.ThreadPoolExecutor(64) as clients:
            images = list(clients.map(ask, range(1000)))
        assert np.abs(np.array(images) - expected[..., 0]).max() <= 1
        # It would have been noticed, had two neighbours been exchanged.
        exchanged = np.abs(np.array(images) - np.roll(expected[..., 0], 1, axis=0)).max(axis=(1, 2))
        assert np.mean(exchanged > 1) > 0.95
        told = server.get("/metrics").text
        rows, batches = (
            float(re.search(rf'genzoo_batch_rows_{key}{{model="gan"}} (.*)', told)[1])
            for key in ("sum", "count")
        )
        assert rows >= 1000 and batches < rows / 2

    def test_beyond_the_limit_429_and_the_rest_answered(self, models, tmp_path):
        server = Server(
            models[1][:1], tmp_path / "log", "--max-waiting", "8", "--max-batch", "1", "--max-num", "8"
        )
        with concurrent.futures.ThreadPoolExecutor(64) as clients:
            answers = list(clients.map(lambda seed: server.get("/sample", seed=seed, num=8), range(300)))
        codes = [answer.status_code for answer in answers]
        assert {*codes} == {200, 429}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers if answer.status_code == 429)
        assert server.get("/sample", seed=0).status_code == 200
        assert server.end() == 0

    def test_sigterm_answers_what_was_accepted(self, models, tmp_path):
        server = Server(models[1][:1], tmp_path / "log", "--max-batch", "8")
        answered, lost = [], []

        def ask(seed):
            with requests.Session() as session:
                for _ in range(10_000):
                    try:
                        response = session.get(f"{server.address}/sample?seed={seed}&num=8", timeout=30)
                    except requests.exceptions.ConnectionError as error:
                        # A kept connection is closed between two requests: what was sent before is answered.
                        if (
                            "refused" not in str(error)
                            and "closed" not in str(error)
                            and "reset" not in str(error)
                        ):
                            lost.append(error)
                        return
                    answered.append(response.status_code)

        with concurrent.futures.ThreadPoolExecutor(16) as clients:
            asking = [clients.submit(ask, seed) for seed in range(16)]
            time.sleep(1.0)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(30) == 0
            for each in asking:
                each.result()
        assert len(answered) > 16 and {*answered} == {200} and not lost
        # The server has answered all that it has logged.
        logged = [json.loads(line)["status"] for line in server.log.read_text().splitlines()]
        assert len(logged) == len(answered) and {*logged} == {200}


class TestOperations:
    def test_neither_keras_nor_tensorflow_is_loaded(self, server):
        mapped = Path(f"/proc/{server.process.pid}/maps")
        if not mapped.exists():
            pytest.skip("needs /proc")
        libraries = mapped.read_text()
        assert "onnxruntime" in libraries and "tensorflow" not in libraries and "jaxlib" not in libraries
        code = """
import sys
sys.argv = sys.orig_argv = ["genzoo"]
import keras_genzoo.cli, keras_genzoo.serving.server
assert not {"keras", "tensorflow", "jax"} & {*sys.modules}
"""
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])

    def test_the_log_is_a_json_object_per_request(self, server):
        server.get("/sample", model="gan", seed=12345)
        for _ in range(100):
            lines = [json.loads(line) for line in server.log.read_text().splitlines()]
            if found := [line for line in lines if line["query"] == "model=gan&seed=12345"]:
                break
            time.sleep(0.05)
        assert {"method": "GET", "path": "/sample", "status": 200}.items() <= found[0].items()
        assert found[0]["milliseconds"] > 0

    def test_the_page_and_its_models_are_shown(self, models, server):
        page = server.get("/")
        if page.status_code == 404:
            assert "The page at / is not available" in server.log.read_text()
            pytest.skip("the page's runtime is not to be had")
        assert page.headers["content-type"].startswith("text/html") and "<script" in page.text
        # Edges between objects cannot be drawn there.
        shown = [name for name in models[0] if name != "edged"]
        assert [model["name"] for model in server.get("/models/index.json").json()] == shown
        described = server.get("/models/vae/model.json").json()
        encoder = server.get(f"/models/vae/{described['networks']['encode']['file']}")
        assert encoder.content == (models[1][2] / "encode.onnx").read_bytes()

    def test_the_interface_is_described(self, server):
        assert "/sample" in server.get("/openapi.json").json()["paths"]
        assert server.get("/docs").status_code == 200

    def test_a_token_is_asked_for_and_health_told_without(self, models, tmp_path):
        server = Server(models[1][:1], tmp_path / "log", "--token", "secret")
        assert server.get("/sample").status_code == 401
        assert (
            requests.get(f"{server.address}/sample", headers={"Authorization": "Bearer wrong"}).status_code
            == 401
        )
        right = requests.get(f"{server.address}/sample", headers={"Authorization": "Bearer secret"})
        assert right.status_code == 200
        assert server.get("/v2/health/ready").status_code == 200
        # As it is sent, without the client's own simplification.
        connection = http.client.HTTPConnection(server.address.removeprefix("http://"))
        connection.request("GET", "/v2/health/../../models/index.json")
        assert connection.getresponse().status == 401
        assert "secret" not in server.log.read_text()
        assert server.end() == 0

    def test_a_host_of_another_site_is_refused(self, server):
        response = requests.get(f"{server.address}/models", headers={"Host": "evil.example:8000"})
        assert response.status_code == 421
        for host in ("localhost", "127.0.0.1:8000", "[::1]:8000"):
            assert requests.get(f"{server.address}/models", headers={"Host": host}).status_code == 200

    def test_paths_that_nobody_serves_get_an_error_of_the_same_form(self, server):
        assert server.get("/v1/nothing").json() == {"error": "Not Found"}
        response = server.post("/sample", b"")
        assert response.status_code == 405 and "error" in response.json()

    def test_compressed_bodies_are_refused(self, server):
        response = server.post("/v1/models/gan:predict", b"x", headers={"Content-Encoding": "gzip"})
        assert response.status_code == 415

    def test_bodies_beyond_the_limit_are_refused(self, models, tmp_path):
        server = Server(models[1][:1], tmp_path / "log", "--max-body", "1000")
        for body in (b"x" * 2000, iter([b"x" * 600, b"x" * 600])):
            response = requests.post(f"{server.address}/v1/models/gan:predict", data=body, timeout=30)
            assert response.status_code == 413, response.text
        assert server.end() == 0

    def test_a_request_that_takes_too_long_is_given_up(self, models, tmp_path):
        server = Server(models[1][:1], tmp_path / "log", "--deadline", "0.05", "--batch-delay", "1")
        response = server.get("/sample")
        assert response.status_code == 504 and "timed out after 0.05 s" in response.json()["error"]
        assert server.end() == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gan", "--host", "0.0.0.0"), "set a --token"),
        (("no_such_model",), "Unknown preset 'no_such_model'"),
    ],
)
def test_what_cannot_be_served_is_refused_at_once(models, words, message):
    words = [str(models[1][0]) if word == "gan" else word for word in words]
    process = subprocess.run(
        [sys.executable, "-m", "keras_genzoo", "serve", *words], capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 1 and message in process.stderr
