"""The page in a browser: its pictures are those of the models in Python, and it asks no other host for anything.

A picture may differ by one gray level where a value lies between two, and ONNX Runtime rounds otherwise.
"""

import functools
import http.server
import io
import shutil
import threading

import keras
import numpy as np
import pytest
from PIL import Image

from keras_genzoo import editing, explore, models, pixels, visualization
from keras_genzoo.explore import runtime

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright of the extra `test` is not installed"
)
pytest.importorskip("tf2onnx", reason="tf2onnx of the extra `export` is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on the PATH"),
]

SAMPLERS = ["dcgan_fashion_mnist", "cgan_mnist", "vae_mnist", "wae_mnist", "msg_gan_fashion_mnist_32"]
TRANSLATORS = ["pix2pix_edges_to_emoji", "cyclegan_noto_twemoji", "spade_avatars_64", "esrgan_flowers_x4"]
# Without what a browser does for itself in a network, and without a graphics card.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def styled(tmp_path_factory):
    """The folder of an untrained StyleGAN2, which has a direction of its own."""
    keras.utils.set_random_seed(0)
    sizes = {"latent_dim": 8, "style_dim": 6, "num_mapping_layers": 2, "channel_base": 128}
    gan = models.StyleGAN2(image_shape=(16, 16, 3), num_classes=3, **sizes)
    gan.directions["glasses"] = editing.Directions(np.full((1, 6), 6**-0.5, "float32"), np.array([2.0]))
    folder = tmp_path_factory.mktemp("presets") / "styled"
    gan.save_to_preset(folder)
    return folder


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    """The folder of an untrained StarGAN v2."""
    keras.utils.set_random_seed(0)
    model = models.StarGANv2(
        (16, 16, 3), 2, latent_dim=4, style_dim=3, width=4, max_width=8, hidden=8, domain_names=("cat", "dog")
    )
    folder = tmp_path_factory.mktemp("presets") / "animals"
    model.save_to_preset(folder)
    return folder


@pytest.fixture(scope="module")
def colorizer(tmp_path_factory):
    """The folder of an untrained model of gray pictures."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("presets") / "colorizer"
    models.ColorizationGAN((32, 32, 3), width=4).save_to_preset(folder)
    return folder


@pytest.fixture(scope="module")
def terrain(tmp_path_factory):
    """The folder of an untrained model that samples height maps, and takes them as sources."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("presets") / "terrain"
    models.TerrainGAN((32, 32, 3), latent_dim=8, width=4).save_to_preset(folder)
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory, styled, animals, colorizer, terrain):
    """The address of a plain file server with the site."""
    try:
        runtime.find()
    except RuntimeError as error:
        pytest.skip(str(error))
    site = tmp_path_factory.mktemp("explore") / "site"
    explore.build([*SAMPLERS, *TRANSLATORS, styled, animals, colorizer, terrain], site)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=site)
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def open_model(browser, address):
    """Function that opens the page with a model; in the end, no request has left the host and nothing has failed."""
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.set_default_timeout(60_000)
    requests, problems = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("requestfailed", lambda request: problems.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: message.type == "error" and problems.append(message.text))

    def open(name):
        page.goto(f"{address}#{name}")
        page.wait_for_selector(f'main[data-state=ready][data-model="{name}"]')
        return page

    yield open
    # What is still being loaded when the page is closed counts as failed.
    failed = [*problems]
    page.close()
    assert requests and failed == []
    assert [url for url in requests if not url.startswith((address, "data:", f"blob:{address}"))] == []


@functools.cache
def load(name):
    return models.load(name)


def shown(page, selector, channels=1):
    """The pictures on canvases, uint8 `(num, height, width, channels)`."""
    code = """(canvases) => canvases.map((canvas) => ({
        size: [canvas.height, canvas.width],
        data: [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data],
    }))"""
    found = page.eval_on_selector_all(selector, code)
    return np.array([np.uint8(each["data"]).reshape(*each["size"], 4)[..., :channels] for each in found])


def assert_same(found, expected):
    """Equal images, but for one gray level in at most one of 5,000 values."""
    expected = pixels.to_uint8(expected)
    assert found.shape == expected.shape
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 1 / 5000


def settled(page):
    """Waits until the page has drawn what was asked for."""
    page.wait_for_timeout(400)
    return page


def set_slider(page, label, value):
    page.get_by_label(label, exact=True).and_(page.locator("[type=range]")).locator("visible=true").evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }", value
    )
    settled(page)


def open_tab(page, name):
    page.get_by_role("tab", name=name).click()
    # Keys go to the page again.
    page.evaluate("document.activeElement.blur()")
    settled(page)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_seed_gives_the_images_of_the_library(open_model, name):
    page, model = open_model(name), load(name)
    num = page.locator(".grid[data-seed] canvas").count()
    labels = model.condition and model.condition.in_turn(num)
    for seed in (0, 1, 12345, 2**32 - 1):
        page.fill("#seed", str(seed))
        page.press("#seed", "Enter")
        page.wait_for_selector(f'.grid[data-seed="{seed}"]')
        assert_same(shown(page, ".grid[data-seed] canvas"), model.sample(num, seed=seed, labels=labels))


@pytest.mark.parametrize("name", SAMPLERS)
def test_an_image_takes_less_than_20_milliseconds(open_model, name):
    page = open_model(name)
    for _ in range(12):
        page.get_by_role("button", name="Random").click()
        page.wait_for_timeout(50)
    assert float(page.get_attribute(".timing", "data-milliseconds")) < 20


def test_a_label_changes_the_class_of_the_picture(open_model):
    page, model = open_model("cgan_mnist"), load("cgan_mnist")
    page.get_by_role("region", name="The picture").get_by_text("7", exact=True).click()
    settled(page)
    assert_same(shown(page, ".picture"), model.sample(1, seed=0, labels=7))


def test_a_slider_moves_the_latent_along_a_direction(open_model):
    page, model = open_model("dcgan_fashion_mnist"), load("dcgan_fashion_mnist")
    directions = editing.principal_directions(model)
    vector, scale = directions.vectors[1], directions.scales[1]
    latent = np.asarray(model.latents_from_seed(1, 0))
    open_tab(page, "Directions")
    set_slider(page, "Direction 2", -2.5)
    moved = latent + (-2.5 * scale - latent @ vector) * vector
    assert_same(shown(page, ".picture"), model.sample(latents=moved))


def test_a_slider_moves_the_styles_of_a_model_that_maps_latents(open_model, styled):
    page, model = open_model("styled"), models.load(styled)
    styles = editing.codes(model, model.latents_from_seed(1, 0), labels=0)
    open_tab(page, "Directions")
    set_slider(page, "glasses", 1.5)
    moved = editing.move(styles, editing.find_direction(model, "glasses"), 0, 1.5)
    assert_same(shown(page, ".picture", 3), editing.images(model, moved))
    set_slider(page, "Direction 1", -2)
    moved = editing.move(moved, editing.principal_directions(model), 0, -2 - _place(moved - styles, model))
    assert_same(shown(page, ".picture", 3), editing.images(model, moved))
    page.get_by_role("button", name="Reset all").click()
    page.get_by_role("tab", name="Seeds").click()
    page.get_by_role("button", name="Image 1", exact=False).first.click()
    settled(page)
    assert_same(shown(page, ".picture", 3), model.sample(1, seed=0, labels=0))


def _place(shift, model):
    directions = editing.principal_directions(model)
    return (shift @ directions.vectors[0]).item() / directions.scales[0]


def test_children_lie_between_their_parents(open_model):
    page, model = open_model("dcgan_fashion_mnist"), load("dcgan_fashion_mnist")
    a, b = np.asarray(model.latents_from_seed(2, 1))
    open_tab(page, "Mix")
    children = shown(page, "[role=tabpanel]:not([hidden]) .grid canvas")
    assert len(np.unique(children, axis=0)) == len(children) == 8
    set_slider(page, "Share of A", 0.75)
    set_slider(page, "Share of B", 0.25)
    assert_same(shown(page, ".picture"), model.sample(latents=model.latent.between(a, b, 5)[1:2]))
    page.get_by_role("button", name="Child 3").click()
    settled(page)
    child = shown(page, ".picture")
    page.get_by_role("button", name="Use the picture").locator("visible=true").first.click()
    settled(page)
    parents = shown(page, "[role=tabpanel]:not([hidden]) .parent-picture")
    np.testing.assert_array_equal(parents[0], child[0])


def test_a_path_is_the_librarys_and_plays(open_model):
    page, model = open_model("dcgan_fashion_mnist"), load("dcgan_fashion_mnist")
    open_tab(page, "Path")
    latents = model.latent.between(*np.asarray(model.latents_from_seed(2, 1)), 9)
    assert_same(shown(page, "[role=tabpanel]:not([hidden]) .strip canvas"), model.sample(latents=latents))
    before = shown(page, ".picture")
    page.locator("body").press("Space")
    page.wait_for_timeout(800)
    assert page.get_by_role("button", name="Stop", pressed=True).count() == 1
    assert (shown(page, ".picture") != before).any()


def test_a_drawing_is_encoded_and_decoded(open_model):
    page, model = open_model("vae_mnist"), load("vae_mnist")
    open_tab(page, "Draw")
    box = page.locator(".sketch").bounding_box()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.8 * box["height"], steps=8)
    page.mouse.up()
    settled(page)
    drawing = shown(page, ".sketch")
    assert drawing.max() > 200 and drawing[0, 0, 0, 0] == 0
    assert_same(shown(page, ".picture"), model.reconstruct(drawing))
    # Towards the middle of a component of the fitted prior, all the way.
    open_tab(page, "Directions")
    page.get_by_role("button", name="Typical image 1", exact=True).click()
    set_slider(page, "Amount", 1)
    weights, means = model.prior.component_weights.numpy(), model.prior.means.numpy()
    assert_same(shown(page, ".picture"), model.decode(means[[np.argmax(weights)]]))


def test_a_drawing_of_lines_is_translated(open_model):
    page, model = open_model("pix2pix_edges_to_emoji"), load("pix2pix_edges_to_emoji")
    page.get_by_role("button", name="Clear").click()
    canvas = page.locator(".sketch")
    canvas.focus()
    for _ in range(12):
        canvas.press("Shift+ArrowRight")
    for _ in range(9):
        canvas.press("Shift+ArrowDown")
    settled(page)
    lines = shown(page, ".sketch")
    assert set(np.unique(lines)) == {0, 255}
    # One pixel wide.
    assert 18 <= (lines == 0).sum() <= 23
    assert_same(shown(page, ".picture", 3), model.translate(lines))


def test_a_painted_label_map_is_translated(open_model):
    page, model = open_model("spade_avatars_64"), load("spade_avatars_64")
    settled(page)
    painted = shown(page, ".sketch", 3).astype(int)
    colors = visualization.label_colors(5).astype(int)
    labels = ((painted[..., None, :] - colors) ** 2).sum(axis=-1).argmin(axis=-1).astype("uint8")
    assert {*labels.ravel()} == {0, 1, 2, 3, 4}
    assert_same(shown(page, ".picture", 3), model.translate(labels[..., None]))


def test_a_picture_of_ones_own_is_translated_in_both_directions(open_model, tmp_path):
    page, model = open_model("cyclegan_noto_twemoji"), load("cyclegan_noto_twemoji")
    picture = np.zeros((30, 60, 3), "uint8")
    picture[5:25, 10:50] = (250, 180, 20)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    page.set_input_files("input[type=file]", tmp_path / "picture.png")
    settled(page)
    source = shown(page, ".sketch", 3)
    # In the middle, as a whole, on white.
    assert (source[0, 0, 0] == 255).all() and (source[0, 18, 2] == 0).all()
    assert_same(shown(page, ".picture", 3), model.translate(source, "a_to_b"))
    page.get_by_text("b → a").click()
    settled(page)
    assert_same(shown(page, ".picture", 3), model.translate(source, "b_to_a"))


def test_a_picture_is_enlarged(open_model, tmp_path):
    page, model = open_model("esrgan_flowers_x4"), load("esrgan_flowers_x4")
    picture = (
        np.random.default_rng(0).integers(0, 256, (4, 4, 3), "uint8").repeat(8, axis=0).repeat(8, axis=1)
    )
    Image.fromarray(picture).save(tmp_path / "picture.png")
    before = shown(page, ".picture", 3)
    page.set_input_files("input[type=file]", tmp_path / "picture.png")
    for _ in range(50):
        settled(page)
        if (shown(page, ".picture", 3) != before).any():
            break
    source = shown(page, ".sketch", 3)
    np.testing.assert_array_equal(source[0], picture)
    assert_same(shown(page, ".picture", 3), model.upscale(source))


def test_a_picture_is_translated_into_the_domain_chosen(open_model, animals):
    page, model = open_model("animals"), load(animals)
    settled(page)
    source = shown(page, ".sketch", 3)
    assert_same(shown(page, ".picture", 3), model.translate(source, domain="cat"))
    page.get_by_text("dog").click()
    settled(page)
    plain = shown(page, ".picture", 3)
    assert_same(plain, model.translate(source, domain="dog"))
    page.get_by_text("Another style").click()
    settled(page)
    assert (shown(page, ".picture", 3) != plain).any()


def test_pictures_become_gray_and_not_edges(open_model, colorizer, tmp_path):
    page, model = open_model("colorizer"), load(colorizer)
    ramp = np.linspace(0, 255, 32).astype("uint8")
    picture = np.stack(np.broadcast_arrays(ramp, ramp[:, None], np.uint8(60)), axis=-1)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    painted = shown(page, ".sketch", 3)
    page.set_input_files("input[type=file]", tmp_path / "picture.png")
    settled(page)
    opened = shown(page, ".sketch", 3)
    for source in (painted, opened):
        assert (source == source[..., :1]).all() and len(np.unique(source)) > 2
    expected = np.asarray(Image.fromarray(picture).convert("L"), int)
    assert np.abs(opened[0, ..., 0] - expected).max() <= 1
    assert_same(shown(page, ".picture", 3), model.translate(opened[..., :1]))


def test_height_maps_are_painted_and_sampled(open_model, terrain):
    page, model = open_model("terrain"), load(terrain)
    open_tab(page, "Translate")
    texture = "[role=tabpanel]:not([hidden]) .picture"
    painted = shown(page, ".sketch")
    # Soft hills on the lowest level.
    assert painted[0, 0, 0, 0] < 10 and painted.max() > 120 and len(np.unique(painted)) > 50
    assert_same(shown(page, texture, 3), model.translate(painted))
    page.get_by_role("button", name="Sample a source").click()
    settled(page)
    sampled = shown(page, ".sketch")
    assert (sampled != painted).any()
    assert_same(shown(page, texture, 3), model.translate(sampled))


def test_the_picture_is_saved_as_png(open_model, tmp_path):
    page, model = open_model("dcgan_fashion_mnist"), load("dcgan_fashion_mnist")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PNG").click()
    assert download.value.suggested_filename == "dcgan_fashion_mnist seed 0, image 1.png"
    saved = Image.open(io.BytesIO(download.value.path().read_bytes())).convert("L")
    assert_same(np.asarray(saved)[None, ..., None], model.sample(1, seed=0))


def test_keys_do_what_the_mouse_does(open_model):
    page = open_model("dcgan_fashion_mnist")
    body = page.locator("body")
    body.press("ArrowRight")
    body.press("ArrowRight")
    body.press("ArrowLeft")
    page.wait_for_selector('.grid[data-seed="1"]')
    body.press("Space")
    page.wait_for_selector('.grid[data-seed="2"]')
    body.press("Space")
    page.get_by_role("tab", name="Seeds").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Directions", selected=True).count() == 1
    assert page.get_by_label("Direction 1", exact=True).is_visible()


def test_another_model_can_be_chosen_at_any_time(open_model):
    page, model = open_model("dcgan_fashion_mnist"), load("wae_mnist")
    page.locator("body").press("Space")
    for name in ("cyclegan_noto_twemoji", "cgan_mnist", "wae_mnist"):
        page.select_option("#model", name)
    page.wait_for_selector('main[data-state=ready][data-model="wae_mnist"]')
    settled(page)
    assert page.locator(".stage").count() == 1
    assert_same(shown(page, ".picture"), model.sample(1, seed=0))


@pytest.mark.parametrize("name", ["cgan_mnist", "vae_mnist", "cyclegan_noto_twemoji"])
def test_small_screens_and_screen_readers(open_model, name):
    page = open_model(name)
    page.set_viewport_size({"width": 320, "height": 640})
    for i in range(max(1, page.get_by_role("tab").count())):
        if page.get_by_role("tab").count():
            page.get_by_role("tab").nth(i).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    nameless = page.evaluate("""() => [...document.querySelectorAll("button, input, select, [role=img]")].filter(
        (each) => !each.textContent.trim() && !each.getAttribute("aria-label") && !each.labels?.length
    ).map((each) => each.outerHTML)""")
    assert nameless == []
