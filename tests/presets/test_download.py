import functools
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from toy_presets import ToyGAN, flip_byte, make_toy_gan

from keras_genzoo import presets
from keras_genzoo.presets import download, folders, registry
from keras_genzoo.presets.resolution import resolve
from tests import support

pytestmark = pytest.mark.usefixtures("waits")


class Server(ThreadingHTTPServer):
    """Serves a folder; `answers` are given to the first requests for the weights, instead of the file."""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.requests = []
        self.headers = []
        self.answers = []
        self.sent = 0
        self.truncated = ()
        self.on_request = lambda path: None
        self.stopped = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self):
        self.stopped.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that hangs up is expected."""


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        self.server.headers.append(self.headers)
        self.server.on_request(self.path)
        if self.server.answers and "model.weights.h5" in self.path:
            self.server.answers.pop(0)(self, Path(self.translate_path(self.path)).read_bytes())
        else:
            super().do_GET()

    def answer(self, status, content=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def copyfile(self, source, outputfile):
        content = source.read()
        short = self.path.endswith(self.server.truncated)
        outputfile.write(content[: len(content) // 2] if short else content)

    def log_message(self, *arguments):
        pass


def cut(handler, content):
    handler.answer(200, content[: len(content) // 2], Content_Length=len(content))


def cut_without_length(handler, content):
    handler.answer(200, content[: len(content) // 2])


def rest(handler, content):
    start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    length = len(content)
    handler.answer(206, content[start:], Content_Range=f"bytes {start}-{length - 1}/{length}")


def another_part(handler, content):
    handler.answer(206, content[5:], Content_Range=f"bytes 5-{len(content) - 1}/{len(content)}")


def not_satisfiable(handler, content):
    handler.answer(416)


def hang_up(handler, content):
    pass


def refuse(status, **headers):
    return lambda handler, content: handler.answer(status, b"not now", **headers)


def stall_at_once(handler, content):
    handler.server.stopped.wait(20)


def stall_in_the_middle(handler, content):
    cut(handler, content)
    handler.server.stopped.wait(20)


def drip(handler, content):
    handler.answer(200, Content_Length=len(content))
    while not handler.server.stopped.wait(0.02):
        handler.wfile.write(b"x")


def flood(handler, content):
    handler.answer(200)
    _send_much(handler)


def flood_as_declared(handler, content):
    handler.answer(200, Content_Length=400_000_000)
    _send_much(handler)


def flood_the_rest(handler, content):
    handler.answer(206, Content_Range=f"bytes {len(content) // 2}-399999999/400000000")
    _send_much(handler)


def _send_much(handler):
    for _ in range(400):
        handler.wfile.write(bytes(1_000_000))
        handler.server.sent += 1_000_000


def redirect(to, content=b""):
    return lambda handler, _: handler.answer(302, content, Location=to)


@pytest.fixture
def serve(released):
    """Function that starts a server with the released preset."""
    servers = []

    def start(folder=released.parent):
        servers.append(Server(folder))
        return servers[-1]

    yield start
    for each in servers:
        each.stop()


@pytest.fixture
def server(serve, monkeypatch):
    server = serve()
    set_origin(monkeypatch, f"{server.address}/")
    return server


def set_origin(monkeypatch, *addresses):
    monkeypatch.setenv("KERAS_GENZOO_BASE_URL", " ".join(addresses))


def assert_downloaded(cache, released):
    assert folders.mismatch(cache / "toy_gan", folders.fingerprints(released, folders.LOADED)) is None
    assert [path.name for path in cache.iterdir()] == ["toy_gan"]


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
    with pytest.raises(
        ValueError, match=rf"{name} is damaged: .*downloaded from http://.* discarded\. Try again"
    ):
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


@pytest.mark.parametrize("first", [cut, cut_without_length], ids=lambda answer: answer.__name__)
def test_a_broken_connection_is_taken_up_where_it_broke(server, released, cache, first):
    server.answers = [first, rest]
    resolve("toy_gan")
    half = (released / "model.weights.h5").stat().st_size // 2
    assert [headers["Range"] for headers in server.headers][-2:] == [None, f"bytes={half}-"]
    assert_downloaded(cache, released)


@pytest.mark.parametrize(
    "answers", [[cut], [cut, another_part], [cut, not_satisfiable]], ids=["200", "other part", "416"]
)
def test_a_server_that_does_not_go_on_there_sends_the_file_again(server, released, cache, answers):
    server.answers = answers.copy()
    resolve("toy_gan")
    assert [headers["Range"] for headers in server.headers].count(None) >= 3
    assert_downloaded(cache, released)


def test_what_an_attempt_has_left_is_not_taken_for_the_file_of_the_next(server, cache):
    server.answers = [cut, lambda handler, content: handler.answer(200, content[:10], Content_Length=10)]
    with pytest.raises(ValueError, match=r"model\.weights\.h5 is damaged: .* found sha256 \w+ and 10 bytes"):
        resolve("toy_gan")
    assert list(cache.iterdir()) == []


def test_a_refused_or_broken_request_is_repeated_after_twice_the_time(server, released, cache, waits):
    server.answers = [refuse(500), refuse(502), hang_up, refuse(429), refuse(503, Retry_After="soon")]
    resolve("toy_gan")
    assert waits == [0.5, 1, 2, 4, 8]
    assert_downloaded(cache, released)


def test_attempts_come_to_an_end(server, cache, waits):
    server.answers = [refuse(503)] * 20
    with pytest.raises(
        ConnectionError, match=r"model\.weights\.h5: 503 Service Unavailable \(attempt 6, 0 of"
    ):
        resolve("toy_gan")
    assert len(waits) == download.RETRIES == 5
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_may_say_when_to_come_again(server, released, cache, waits, status):
    server.answers = [refuse(status, Retry_After="7")]
    resolve("toy_gan")
    assert waits == [7]
    assert_downloaded(cache, released)


def test_nobody_waits_for_an_hour(server, cache, waits):
    server.answers = [refuse(503, Retry_After="3600")]
    with pytest.raises(ConnectionError, match="503 Service Unavailable, retry after 3600 s"):
        resolve("toy_gan")
    assert waits == []


@pytest.mark.parametrize("answer", [stall_at_once, stall_in_the_middle], ids=lambda answer: answer.__name__)
def test_a_stalled_server_ends_in_an_error(server, cache, monkeypatch, answer):
    monkeypatch.setattr(download, "READ_TIMEOUT", 0.05)
    monkeypatch.setattr(download, "RETRIES", 1)
    server.answers = [answer] * 2
    started = time.monotonic()
    with pytest.raises(ConnectionError, match=r"model\.weights\.h5: .*Read timed out.* \(attempt 2, "):
        resolve("toy_gan")
    assert time.monotonic() - started < 5
    assert list(cache.iterdir()) == []


def test_a_server_that_sends_a_byte_now_and_then_ends_in_an_error(server, monkeypatch):
    monkeypatch.setattr(download, "READ_TIMEOUT", 0.1)
    monkeypatch.setattr(download, "RETRIES", 0)
    server.answers = [drip]
    with pytest.raises(ConnectionError, match="sends less than 1000 bytes per second"):
        resolve("toy_gan")


@pytest.mark.parametrize(
    "answers",
    [[flood], [flood_as_declared], [cut, flood_the_rest]],
    ids=lambda answers: answers[-1].__name__,
)
def test_more_than_the_declared_size_is_not_taken(server, released, cache, answers):
    size = (released / "model.weights.h5").stat().st_size
    server.answers = answers.copy()
    with pytest.raises(
        ValueError, match=rf"is damaged: expected {size} bytes, found more\. It was downloaded from http"
    ):
        resolve("toy_gan")
    # Of 400 MB. What is sent beyond the size fills the buffers of the system.
    assert server.sent < 40_000_000
    assert list(cache.iterdir()) == []


def test_mirrors_are_tried_in_turn(serve, released, cache, monkeypatch):
    gone, lacking, whole = serve(), serve(released), serve()
    gone.stop()
    set_origin(monkeypatch, gone.address, lacking.address, whole.address)
    with pytest.warns(RuntimeWarning) as warned:
        resolve("toy_gan")
    assert_downloaded(cache, released)
    messages = [str(each.message) for each in warned]
    assert len(messages) == 2
    assert messages[0].startswith(f"{gone.address}/toy_gan/config.json: ") and "refused" in messages[0]
    assert messages[1].startswith(f"{lacking.address}/toy_gan/config.json: 404 Not Found")
    # The one that had the first file was asked for the others at once.
    assert len(whole.requests) == 3 and len(lacking.requests) == 1


def test_a_wrong_file_is_taken_from_the_next_mirror(serve, released, cache, tmp_path, monkeypatch):
    shutil.copytree(released, tmp_path / "forged" / "toy_gan")
    flip_byte(tmp_path / "forged" / "toy_gan" / "model.weights.h5")
    forged, right = serve(tmp_path / "forged"), serve()
    set_origin(monkeypatch, forged.address, right.address)
    with pytest.warns(
        RuntimeWarning, match=rf"is damaged: .*It was downloaded from {forged.address}/toy_gan/model"
    ):
        resolve("toy_gan")
    assert right.requests == ["/toy_gan/model.weights.h5"]
    assert_downloaded(cache, released)


@pytest.mark.filterwarnings("ignore:.*Trying the next mirror")
def test_all_mirrors_are_named_with_what_failed(serve, released, cache, tmp_path, monkeypatch):
    shutil.copytree(released, tmp_path / "forged" / "toy_gan")
    flip_byte(tmp_path / "forged" / "toy_gan" / "config.json")
    forged, lacking = serve(tmp_path / "forged"), serve(released)
    set_origin(monkeypatch, forged.address, lacking.address, "localhost:8000")
    with pytest.raises(ConnectionError) as raised:
        resolve("toy_gan")
    message = str(raised.value)
    assert message.startswith("Could not download config.json of preset 'toy_gan': ")
    for part in (
        f"is damaged: expected sha256 {folders.fingerprint(released / 'config.json')['sha256']}",
        f"It was downloaded from {forged.address}/toy_gan/config.json and discarded; ",
        f"{lacking.address}/toy_gan/config.json: 404 Not Found; ",
        "localhost:8000: an address must begin with http:// or https://",
        f"Check that KERAS_GENZOO_BASE_URL='{forged.address} {lacking.address} localhost:8000' is reachable",
    ):
        assert part in message
    assert list(cache.iterdir()) == []


def test_a_file_that_is_not_there_is_not_asked_for_again(server, released):
    (released / "model.weights.h5").unlink()
    with pytest.raises(ConnectionError, match="404"):
        resolve("toy_gan")
    assert len(server.requests) == 3


def test_an_origin_of_spaces_is_none(released, monkeypatch):
    set_origin(monkeypatch, " ", " ")
    with pytest.raises(FileNotFoundError, match="or KERAS_GENZOO_BASE_URL to the address"):
        resolve("toy_gan")


def with_secrets(server):
    return f"{server.address.replace('//', '//me:s3cret%E2%82%AC@')}/?token=s3cret"


def malformed(handler, content):
    handler.wfile.write(b"HTTP/1.0 500 no\r\nnot a header\r\n\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        refuse(403),
        refuse(503),
        cut,
        stall_at_once,
        hang_up,
        malformed,
        flood,
        redirect("//x:s3cret@[/?s3cret"),
    ],
    ids=["403", "503", "cut", "stalled", "hung up", "malformed", "too much", "redirected"],
)
def test_no_message_shows_credentials(serve, cache, monkeypatch, caplog, answer):
    monkeypatch.setattr(download, "READ_TIMEOUT", 0.05)
    monkeypatch.setattr(download, "RETRIES", 1)
    servers = serve(), serve()
    set_origin(monkeypatch, *map(with_secrets, servers))
    for each in servers:
        each.answers = [answer] * 9
    with pytest.raises(OSError) if answer is not flood else pytest.raises(ValueError) as raised:
        with pytest.warns(RuntimeWarning) as warned:
            resolve("toy_gan")
    shown = "".join(traceback.format_exception(raised.value))
    for each in servers:
        assert f"{each.address.replace('//', '//***@')}/toy_gan/model.weights.h5?***" in str(raised.value)
    assert raised.value.__context__ is None
    messages = [str(each.message) for each in warned]
    assert messages and "s3cret" not in shown + "".join(messages) + caplog.text
    assert "Failed to parse headers" in caplog.text or answer is not malformed


@pytest.mark.parametrize(
    "address",
    ["http://me:s3/cret@host", "http://me:s3cret@[", "me:s3cret@host/x", "http://host:99999999?s3cret"],
)
def test_no_message_shows_credentials_of_an_address_that_is_none(released, monkeypatch, address):
    set_origin(monkeypatch, address)
    with pytest.raises(ConnectionError, match=r"config\.json of preset 'toy_gan'") as raised:
        resolve("toy_gan")
    assert "cret" not in "".join(traceback.format_exception(raised.value))


def test_the_server_gets_the_credentials(server, released, cache, monkeypatch):
    set_origin(monkeypatch, with_secrets(server))
    resolve("toy_gan")
    assert_downloaded(cache, released)
    assert server.requests[-1] == "/toy_gan/model.weights.h5?token=s3cret"
    # printf 'me:s3cret€' | base64
    assert {headers["Authorization"] for headers in server.headers} == {"Basic bWU6czNjcmV04oKs"}


def test_a_redirection_takes_credentials_to_no_other_server(serve, released, cache, monkeypatch):
    server, other = serve(), serve()
    set_origin(monkeypatch, with_secrets(server))
    elsewhere = f"{other.address}/toy_gan/model.weights.h5"
    server.answers = [redirect("/toy_gan/model.weights.h5"), redirect(elsewhere, bytes(1000))]
    resolve("toy_gan")
    assert_downloaded(cache, released)
    assert [headers["Authorization"] is None for headers in server.headers] == [False] * 4
    assert other.requests == ["/toy_gan/model.weights.h5"] and other.headers[0]["Authorization"] is None


def test_redirections_come_to_an_end(server):
    server.answers = [redirect("/toy_gan/model.weights.h5")] * 20
    with pytest.raises(ConnectionError, match="redirects more than 5 times"):
        resolve("toy_gan")


def test_the_proxy_of_the_environment_is_used(serve, released, monkeypatch):
    proxy = serve()
    monkeypatch.setenv("http_proxy", proxy.address.replace("//", "//me:s3cret@"))
    set_origin(monkeypatch, "http://presets.invalid")
    with pytest.raises(ConnectionError, match="404"):
        resolve("toy_gan")
    assert proxy.requests == ["http://presets.invalid/toy_gan/config.json"]
    assert proxy.headers[0]["Proxy-Authorization"] == "Basic bWU6czNjcmV0"


def start_process_without_keras(code, *arguments, **keywords):
    # The package leaves Keras to be imported later where the program is its command.
    code = f"import sys; arguments, sys.argv = sys.argv[1:], ['genzoo']\n{code}"
    environment = {**os.environ, "PYTHONPATH": str(support.ROOT)}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, **keywords)


def test_what_a_killed_download_left_goes_with_the_next_success(server, released, cache):
    asked = threading.Event()
    server.on_request = lambda path: asked.set() if path.endswith("model.weights.h5") else None
    server.answers = [stall_in_the_middle]
    code = """
from pathlib import Path
from keras_genzoo.presets import registry, resolution

registry.PATH = Path(arguments[0])
resolution.resolve("toy_gan")
"""
    with start_process_without_keras(code, registry.PATH) as process:
        assert asked.wait(60)
        process.kill()
    (left,) = (path for path in cache.iterdir() if path.is_dir())
    assert left.name.startswith(".unfinished-") and (left / "config.json").exists()
    resolve("toy_gan")
    assert_downloaded(cache, released)


def test_names_are_looked_up_without_a_client():
    code = "from keras_genzoo import presets; presets.names(); print({'keras', 'urllib3'} & set(sys.modules))"
    with start_process_without_keras(code, stdout=subprocess.PIPE, text=True) as process:
        assert process.communicate()[0] == "set()\n"


def test_the_files_of_a_faster_process_are_kept(server, released, cache):
    def finish_first(path):
        if path.endswith("model.weights.h5"):
            shutil.copytree(released, cache / "toy_gan")

    server.on_request = finish_first
    resolve("toy_gan")
    # A download brings no card, so this is still the folder of the other process.
    assert (cache / "toy_gan" / "README.md").exists()
    assert [path.name for path in cache.iterdir()] == ["toy_gan"]


@pytest.mark.slow
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
