import functools
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from toy_presets import ToyGAN, flip_byte, make_toy_gan

from keras_genzoo import presets
from keras_genzoo.presets import registry
from keras_genzoo.presets.resolution import resolve
from tests import support


class Server(ThreadingHTTPServer):
    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.requests = []
        self.truncated = ()
        self.on_request = lambda path: None
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        self.server.on_request(self.path)
        super().do_GET()

    def copyfile(self, source, outputfile):
        content = source.read()
        short = self.path.endswith(self.server.truncated)
        outputfile.write(content[: len(content) // 2] if short else content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(released, monkeypatch):
    server = Server(released.parent)
    monkeypatch.setenv("KERAS_GENZOO_BASE_URL", f"http://127.0.0.1:{server.server_port}/")
    yield server
    server.stop()


def test_only_what_a_model_needs_is_downloaded_once(server, cache):
    model = ToyGAN.from_preset("toy_gan")
    np.testing.assert_array_equal(model.generator.get_weights()[0], make_toy_gan().generator.get_weights()[0])
    needed = {"config.json", "metadata.json", "model.weights.h5"}
    assert set(server.requests) == {f"/toy_gan/{name}" for name in needed}
    assert [path.name for path in cache.iterdir()] == ["toy_gan"]
    assert {path.name for path in (cache / "toy_gan").iterdir()} == needed

    server.stop()
    assert resolve("toy_gan") == cache / "toy_gan"


@pytest.mark.parametrize("name", ["config.json", "metadata.json", "model.weights.h5"])
def test_a_changed_file_is_refused_and_not_kept(server, released, cache, name):
    flip_byte(released / name)
    with pytest.raises(ValueError, match=rf"{name} is damaged: .*It came from http://.* not kept: try again"):
        resolve("toy_gan")
    assert list(cache.iterdir()) == []


def test_a_truncated_answer_is_refused_and_not_kept(server, cache):
    server.truncated = ("model.weights.h5",)
    with pytest.raises(OSError, match=r"Could not download model\.weights\.h5 of preset 'toy_gan'"):
        resolve("toy_gan")
    assert list(cache.iterdir()) == []


def test_a_shorter_file_is_refused_and_not_kept(server, released, cache):
    weights = released / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:-1])
    size = weights.stat().st_size
    with pytest.raises(ValueError, match=rf"and {size + 1} bytes, found .* and {size} bytes"):
        resolve("toy_gan")
    assert list(cache.iterdir()) == []


def test_a_file_the_server_lacks_is_named(server, released, cache):
    (released / "model.weights.h5").unlink()
    with pytest.raises(ConnectionError, match=r"model\.weights\.h5 .*404.*KERAS_GENZOO_BASE_URL='http"):
        resolve("toy_gan")
    assert list(cache.iterdir()) == []


def test_a_server_that_cannot_be_reached_is_named(server, cache):
    server.stop()
    with pytest.raises(
        ConnectionError, match=r"refused.*Check that KERAS_GENZOO_BASE_URL='http://127\.0\.0\.1"
    ):
        resolve("toy_gan")
    assert list(cache.iterdir()) == []


def test_a_damaged_cache_is_downloaded_again(server, released, cache):
    shutil.copytree(released, cache / "toy_gan")
    flip_byte(cache / "toy_gan" / "model.weights.h5")
    assert resolve("toy_gan") == cache / "toy_gan"
    assert (cache / "toy_gan" / "model.weights.h5").read_bytes() == (
        released / "model.weights.h5"
    ).read_bytes()
    assert [path.name for path in cache.iterdir()] == ["toy_gan"]


def test_a_damaged_cache_stays_until_the_new_files_are_complete(server, released, cache):
    shutil.copytree(released, cache / "toy_gan")
    flip_byte(cache / "toy_gan" / "model.weights.h5")
    server.truncated = ("model.weights.h5",)
    with pytest.raises(ConnectionError):
        resolve("toy_gan")
    assert [path.name for path in cache.iterdir()] == ["toy_gan"]


def test_a_cache_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "keras_home").write_text("in the way")
    with pytest.raises(OSError, match=r"Cannot write the folder .*toy_gan.*Set KERAS_HOME"):
        resolve("toy_gan")


def test_the_files_of_a_faster_process_are_kept(server, released, cache):
    def finish_first(path):
        if path.endswith("model.weights.h5"):
            shutil.copytree(released, cache / "toy_gan")

    server.on_request = finish_first
    resolve("toy_gan")
    # A download brings no card, so this is still the folder of the other process.
    assert (cache / "toy_gan" / "README.md").exists()
    assert [path.name for path in cache.iterdir()] == ["toy_gan"]


def test_two_processes_may_download_at_once(server, cache):
    # The server answers no request before the other process has sent the same.
    both = threading.Barrier(2, timeout=100)
    server.on_request = lambda path: both.wait()
    processes = [support.start_process(_width_of_toy_gan, registry.PATH) for _ in range(2)]
    assert [support.finish(process) for process in processes] == [8, 8]
    assert [path.name for path in cache.iterdir()] == ["toy_gan"]
    assert len(server.requests) == 6


def _width_of_toy_gan(registry_path):
    registry.PATH = registry_path
    return presets.load("toy_gan").width
