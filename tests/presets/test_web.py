"""Presets at https:// addresses, here of servers on this machine, for which http:// is allowed."""

import functools
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from toy_presets import ToyGAN, flip_byte, make_toy_gan

from keras_genzoo import presets
from keras_genzoo.presets import PresetError, download, folders
from keras_genzoo.presets.resolution import resolve

pytestmark = pytest.mark.usefixtures("waits")


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        super().do_GET()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(isolated, tmp_path):
    """Serves the folder `site`, in which lies the preset `my gan`."""
    make_toy_gan().save_to_preset(tmp_path / "site" / "gans" / "my gan")
    handler = functools.partial(Handler, directory=str(tmp_path / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.requests, server.folder = [], tmp_path / "site" / "gans" / "my gan"
        server.address = f"http://127.0.0.1:{server.server_port}/gans/my%20gan"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_an_address_is_downloaded_once_and_works_without_a_network(server, waits):
    for address in (server.address, f"{server.address}/"):
        model = ToyGAN.from_preset(address)
        np.testing.assert_array_equal(
            model.generator.get_weights()[0], make_toy_gan().generator.get_weights()[0]
        )
    # What is there now is asked each time, by the smallest file.
    assert server.requests == [
        f"/gans/my%20gan/{name}"
        for name in ("metadata.json", "config.json", "metadata.json", "model.weights.h5", "metadata.json")
    ]
    server.shutdown()
    server.server_close()
    with pytest.warns(
        RuntimeWarning, match=r"Could not download metadata\.json.*Using the files of the last download"
    ):
        assert presets.load(server.address).width == 8
    assert waits == []


def test_a_changed_preset_takes_the_place_of_the_cached_one(server, cache):
    first = resolve(server.address)
    assert first.is_relative_to(cache / "addresses")
    make_toy_gan(width=5).save_to_preset(server.folder, overwrite=True)
    assert ToyGAN.from_preset(server.address).width == 5
    assert resolve(server.address) == first
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_a_damaged_cache_is_downloaded_again(server):
    flip_byte(resolve(server.address) / "model.weights.h5")
    assert ToyGAN.from_preset(server.address).width == 8


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_damaged_file_is_refused_and_not_kept(server, cache, name):
    flip_byte(server.folder / name)
    with pytest.raises(PresetError, match=rf"{name} is damaged: .*It was downloaded from http://127"):
        resolve(server.address)
    assert list((cache / "addresses").iterdir()) == []


def test_a_preset_that_is_too_large_is_refused_before_it_is_downloaded(server):
    with pytest.raises(
        PresetError, match=r"my gan has .* bytes, more than the limit of 1,000\. .*`max_bytes`"
    ):
        presets.load(server.address, max_bytes=1000)
    assert server.requests == ["/gans/my%20gan/metadata.json"]


def test_metadata_that_are_too_large_are_refused(server, monkeypatch):
    monkeypatch.setattr(folders, "MAX_JSON_BYTES", 100)
    with pytest.raises(PresetError, match=r"metadata\.json is damaged: expected 100 bytes, found more"):
        resolve(server.address)


def test_what_is_no_preset_is_told(server):
    shutil.rmtree(server.folder)
    with pytest.raises(ConnectionError, match=r"404.*Check that name_or_path='http://127.*serves the preset"):
        resolve(server.address)
    server.folder.mkdir()
    for content in ("{", "[]", '{"files": {"model.weights.h5": {"size": "1", "sha256": ""}}}'):
        (server.folder / "metadata.json").write_text(content)
        with pytest.raises(PresetError, match=r"metadata\.json is damaged"):
            resolve(server.address)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/gan",
        "https://user:secret@example.org/gan",
        "https://example.org/gan?token=secret",
        "https://example.org/",
        "https:///gan",
        "ftp://example.org/gan",
        "file:///gan",
    ],
)
def test_an_address_that_is_not_safe_is_refused_and_shows_no_secret(isolated, address):
    with pytest.raises(
        ValueError, match=r"must be hf://OWNER/REPOSITORY or https://HOST/PATH/NAME"
    ) as raised:
        resolve(address)
    assert "secret" not in str(raised.value)


def test_https_is_not_left_for_http(isolated, monkeypatch):
    class Response:
        def get_redirect_location(self):
            return "http://example.org/gans/gan/metadata.json"

        def close(self):
            pass

    class Client:
        def request(self, *arguments, **keywords):
            return Response()

    monkeypatch.setattr(download, "_client", lambda address: Client())
    with pytest.raises(ConnectionError, match="it redirects from https to http"):
        resolve("https://example.org/gans/gan")
