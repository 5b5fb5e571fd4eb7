"""The page's arithmetic in JavaScript is the library's, run by Node.js."""

import json
import shutil
import subprocess

import keras
import numpy as np
import pytest
from PIL import Image, ImageDraw

from keras_genzoo import datasets, explore, latent, models, pixels, visualization

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not on the PATH")

_RUNTIME = """
export const env = { wasm: {} };
export const asked = [];
export class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, { type, data: [...data], dims });
  }
}
export const InferenceSession = {
  create: async () => ({
    run: async (feeds) => {
      asked.push(feeds);
      return { translations: { data: new Float32Array(4), dims: [1, 2, 2, 1] } };
    },
  }),
};
"""

SEEDS = (0, 1, 12345, 2**32 - 1)


@pytest.fixture(scope="module")
def run_javascript(tmp_path_factory):
    """Function that runs code with modules of the page, and the variable `given`, and gives what it returns.

    ONNX Runtime is not there: its sessions answer with zeros, and keep what they are given in the list `asked`.
    """
    folder = tmp_path_factory.mktemp("javascript")
    shutil.copytree(explore.SITE, folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "runtime.js").write_text(_RUNTIME)

    def run(imports, code, given):
        script = f"""
            {imports}
            let text = "";
            for await (const chunk of process.stdin) text += chunk;
            const given = JSON.parse(text);
            const result = await (async () => {{ {code} }})();
            process.stdout.write(JSON.stringify(result));
        """
        (folder / "script.js").write_text(script)
        done = subprocess.run(
            ["node", "script.js"], cwd=folder, input=json.dumps(given), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_uniform_latents_are_the_librarys_bit_for_bit(run_javascript):
    code = "return given.map((seed) => [...uniform(20, 7, seed)]);"
    found = run_javascript('import { uniform } from "./latent.js";', code, SEEDS)
    for seed, values in zip(SEEDS, found, strict=True):
        expected = np.asarray(latent.uniform(20, 7, seed))
        np.testing.assert_array_equal(np.float32(values).reshape(20, 7), expected)


def test_normal_latents_are_the_librarys_to_rounding(run_javascript):
    code = "return given.map((seed) => [...normal(20, 7, seed)]);"
    found = run_javascript('import { normal } from "./latent.js";', code, SEEDS)
    for seed, values in zip(SEEDS, found, strict=True):
        expected = np.asarray(latent.normal(20, 7, seed))
        np.testing.assert_allclose(np.float32(values).reshape(20, 7), expected, rtol=0, atol=5e-7)


@pytest.mark.parametrize("threshold", [0.5, 4.0])
def test_truncated_latents_are_the_librarys_to_rounding(run_javascript, threshold):
    truncated = latent.TruncatedNormal(7, threshold)
    code = "return given.seeds.map((seed) => [...truncatedNormal(20, given.latent, seed)]);"
    given = {"seeds": SEEDS, "latent": truncated.description()}
    found = run_javascript('import { truncatedNormal } from "./latent.js";', code, given)
    for seed, values in zip(SEEDS, found, strict=True):
        expected = np.asarray(truncated.from_seed(20, seed))
        np.testing.assert_allclose(np.float32(values).reshape(20, 7), expected, rtol=1e-5, atol=1e-6)


def test_latents_of_a_fitted_prior_are_the_librarys_to_rounding(run_javascript):
    generator = np.random.default_rng(0)
    prior = {
        "weights": [0.25, 0.5, 0.0, 0.25],
        "means": (10 * generator.normal(size=(4, 3))).astype("float32").tolist(),
        "factors": np.tril(generator.normal(size=(4, 3, 3))).astype("float32").tolist(),
    }
    code = "return given.seeds.map((seed) => [...mixture(50, seed, given.prior)]);"
    given = {"seeds": SEEDS, "prior": prior}
    found = run_javascript('import { mixture } from "./latent.js";', code, given)
    for seed, values in zip(SEEDS, found, strict=True):
        expected = np.asarray(latent.mixture(50, seed, **prior))
        np.testing.assert_allclose(np.float32(values).reshape(50, 3), expected, rtol=1e-6, atol=1e-5)


def test_categories_are_the_librarys_bit_for_bit(run_javascript):
    of_model = latent.CategoryAndUniform(9, -1.0, 1.0, 5)
    code = "return given.seeds.map((seed) => [...draw(given, 20, seed)]);"
    given = {"latent": of_model.description(), "seeds": SEEDS}
    found = run_javascript('import { draw } from "./latent.js";', code, given)
    for seed, values in zip(SEEDS, found, strict=True):
        expected = np.asarray(of_model.from_seed(20, seed))
        assert (expected[:, :5].sum(axis=1) == 1).all()
        np.testing.assert_array_equal(np.float32(values).reshape(20, 9), expected)


def test_ways_between_latents_are_the_librarys(run_javascript):
    start, end = np.random.default_rng(0).normal(size=(2, 5))
    code = """
        const at = (latent) => [0, 1, 2, 3, 4].map((i) => [...between(latent, given.start, given.end, i / 4)]);
        return [at({distribution: "normal"}), at({distribution: "uniform", low: -1, high: 1})];
    """
    given = {"start": start.tolist(), "end": end.tolist()}
    circle, line = run_javascript('import { between } from "./latent.js";', code, given)
    np.testing.assert_allclose(circle, latent.slerp(start, end, 5), atol=1e-6)
    np.testing.assert_allclose(line, np.linspace(start, end, 5), atol=1e-6)


def test_pixels_are_rounded_as_by_the_library(run_javascript):
    # With those that lie in the middle of two gray levels.
    values = np.concatenate([np.arange(-2, 513) / 255 - 1, np.linspace(-1.1, 1.1, 997)]).astype("float32")
    code = "return [...toUint8(Float32Array.from(given))];"
    found = run_javascript('import { toUint8 } from "./pixels.js";', code, values.tolist())
    np.testing.assert_array_equal(found, pixels.to_uint8(values))


# Edges.


def outlines():
    """Paths `(num_points, 2)` of closed curves, in pixels of a picture of 64 by 64."""
    turn = np.linspace(0, 2 * np.pi, 200)
    cos, sin = np.cos(turn), np.sin(turn)
    corners = np.arange(11) * np.pi / 5
    radii = np.where(np.arange(11) % 2, 13, 27)
    star = np.stack([32 + radii * np.sin(corners), 32 - radii * np.cos(corners)])
    places = np.linspace(0, 10, 200)
    return {
        "disc": np.stack([32.3 + 24 * cos, 31.6 + 24 * sin], axis=1),
        "ellipse": np.stack([32 + 14 * cos + 6 * sin, 30 + 9 * cos - 20 * sin], axis=1),
        "star": np.stack([np.interp(places, np.arange(11), row) for row in star], axis=1),
    }


def filled(path):
    """A smooth picture of the shape that a path goes around."""
    picture = Image.new("L", (1024, 1024), 255)
    ImageDraw.Draw(picture).polygon([tuple(16 * point) for point in path], fill=40)
    return np.asarray(picture.resize((64, 64), Image.Resampling.BOX))[..., None]


def test_a_pens_line_is_the_edge_map_of_the_shape_that_it_goes_around(run_javascript):
    paths = outlines()
    code = "return given.map((path) => pixelsOfPath(path, 64, 64));"
    found = run_javascript(
        'import { pixelsOfPath } from "./pen.js";', code, [p.tolist() for p in paths.values()]
    )
    for (name, path), places in zip(paths.items(), found, strict=True):
        drawn = np.zeros((64, 64), bool)
        drawn[tuple(np.transpose(places)[::-1])] = True
        expected = datasets.edges(filled(path))[..., 0] < 0
        common = (drawn & expected).sum() / max(drawn.sum(), expected.sum())
        assert common > 0.93, f"{name}: {common:.1%} of the line's pixels are those of the edge map"


def test_the_edges_of_a_picture_are_the_librarys(run_javascript):
    generator = np.random.default_rng(0)
    small = generator.integers(0, 256, (7, 9, 3)).astype("uint8")
    picture = np.asarray(Image.fromarray(small).resize((48, 40), Image.Resampling.BICUBIC))
    image = np.float32(picture / 127.5 - 1)
    code = "return [...edges({ data: given, height: 40, width: 48, channels: 3 }).data];"
    found = run_javascript('import { edges } from "./edges.js";', code, image.ravel().tolist())
    expected = datasets.edges(image)
    assert (expected < 0).mean() > 0.05
    np.testing.assert_array_equal(np.reshape(found, expected.shape), expected)


def test_painted_colors_become_the_nearest_labels(run_javascript):
    colors = visualization.label_colors(5)
    labels = np.random.default_rng(0).integers(0, 5, (6, 4))
    # A smooth line has colours between two.
    painted = np.clip(
        colors[labels].astype(int) + np.random.default_rng(1).integers(-40, 41, (6, 4, 3)), 0, 255
    )
    distances = ((painted[..., None, :] - colors.astype(int)) ** 2).sum(axis=-1)
    found = run_javascript(
        'import { labelMap } from "./translate.js";',
        "const map = labelMap(given.image, given.colors);"
        "return [[...map.data], map.height, map.width, map.channels];",
        {
            "image": {"data": (painted / 127.5 - 1).ravel().tolist(), "height": 6, "width": 4, "channels": 3},
            "colors": colors.tolist(),
        },
    )
    assert found == [distances.argmin(axis=-1).ravel().tolist(), 6, 4, 1]


def _described(model):
    """What the page reads of a translator."""
    return {
        **model.serving_description(),
        "networks": {
            "translate": {
                "file": "translate.onnx",
                "inputs": [
                    {"name": each.name, "dtype": keras.backend.standardize_dtype(each.dtype)}
                    for each in model.exported_networks()["translate"].inputs
                ],
                "outputs": [{"name": "translations"}],
            }
        },
    }


@pytest.mark.ci
def test_a_domain_and_a_latent_reach_the_network(run_javascript):
    model = models.StarGANv2((8, 8, 1), 3, latent_dim=4, width=2, max_width=4, hidden=4)
    first, second = run_javascript(
        'import { asked } from "./runtime.js"; import { loadModel } from "./model.js";',
        """
        globalThis.fetch = async () => ({ ok: true, json: async () => given });
        const model = await loadModel("animals");
        const image = { data: [1, 2, 3, 4], height: 2, width: 2, channels: 1 };
        await model.translate("between_domains", image, { domain: 2, latent: model.draw(1, 7)[0] });
        await model.translate("between_domains", image);
        return asked;
        """,
        _described(model),
    )
    np.testing.assert_allclose(
        first["latents"]["data"], np.asarray(model.latent.from_seed(1, 7))[0], atol=1e-6
    )
    assert first["domains"] == {"type": "int32", "data": [2], "dims": [1]}
    assert first["images"] == {"type": "float32", "data": [1, 2, 3, 4], "dims": [1, 2, 2, 1]}
    assert second["latents"] == {"type": "float32", "data": [0, 0, 0, 0], "dims": [1, 4]}
    assert second["domains"]["data"] == [0]


def test_a_domain_alone_reaches_the_network_of_a_model_without_styles(run_javascript):
    (asked,) = run_javascript(
        'import { asked } from "./runtime.js"; import { loadModel } from "./model.js";',
        """
        globalThis.fetch = async () => ({ ok: true, json: async () => given });
        const model = await loadModel("animals");
        const image = { data: [1, 2, 3, 4], height: 2, width: 2, channels: 1 };
        await model.translate("between_domains", image, { domain: 2, latent: null });
        return asked;
        """,
        _described(models.StarGAN((8, 8, 1), 3, width=2, num_blocks=0)),
    )
    assert {*asked} == {"images", "domains"} and asked["domains"]["data"] == [2]
