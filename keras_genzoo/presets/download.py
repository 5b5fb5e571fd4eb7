"""Robust downloads: they resume after network failures, and end promptly with a reason if they cannot complete.

The size and SHA-256 of every file are known in advance. A broken connection is resumed where it broke, a server
cannot send more than expected, and each file is taken from the first mirror with the correct content.
"""

import base64
import contextlib
import http.client
import itertools
import logging
import re
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import BinaryIO

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Url, parse_url

from keras_genzoo.presets import folders

# Timeouts in seconds: to connect, and between two bytes.
CONNECT_TIMEOUT = 10
READ_TIMEOUT = 20
# Minimum average speed in bytes per second.
SLOWEST = 1000

# Number of retries per file and mirror.
RETRIES = 5
# Seconds before the first retry. The delay doubles with each retry.
BACK_OFF = 0.5
# Maximum delay in seconds. A server that asks for a longer one (Retry-After) is skipped.
LONGEST_WAIT = 60

REDIRECTS = 5
_CHUNK = 1 << 16


def download(
    preset: str,
    files: dict[str, dict],
    mirrors: Sequence[str],
    folder: Path,
    given_by: str = "KERAS_GENZOO_BASE_URL",
    retries: int | None = None,
) -> None:
    """Downloads the files of a preset.

    Args:
        preset: String, name of the preset, and of its folder on the servers.
        files: Dictionary that maps file names to `"sha256"` and `"size"`; or to `"most"`, the maximum size in bytes
            of a file whose content is not known.
        mirrors: Addresses of servers, tried in order. They may contain a user name and password, or a query with a
            token, which are not shown in messages. If the server has no folders, an address contains `{name}` and
            `{file}`.
        folder: `pathlib.Path` of the folder to write the files to.
        given_by: String, the environment variable or argument with the mirrors, for messages.
        retries: Integer, number of retries per file and mirror. Defaults to `RETRIES`.

    Raises:
        PresetError: If every mirror sent a wrong file.
        ConnectionError: If no mirror sent the correct file, for other reasons.
    """
    in_turn = list(mirrors)
    retries = RETRIES if retries is None else retries
    for name in files:
        failures: list[_Failure] = []
        while len(failures) < len(in_turn):
            if failures:
                warnings.warn(f"{failures[-1]}. Trying the next mirror.", RuntimeWarning, stacklevel=2)
            try:
                _from_mirror(in_turn[0], preset, folder / name, files[name], retries)
                break
            except _Failure as failure:
                failures.append(failure)
                # The next file is requested from the same mirror first.
                in_turn.append(in_turn.pop(0))
        else:
            # Raised outside of `except`: the errors of the client contain full addresses and would be shown too.
            raise _refusal(f"Could not download {name} of preset {preset!r}", failures, mirrors, given_by)


def masked(text: str) -> str:
    """Replaces users, passwords and queries in the addresses of a text by stars."""
    return re.sub(r"[?#]\S+", "?***", re.sub(r"(\w+://)?\S*@", r"\1***@", text))


class _Failure(Exception):
    """A mirror did not send a file."""


class _Wrong(_Failure):
    """The mirror sent a wrong file."""


class _Passing(_Failure):
    """A temporary failure. `wait` is the delay in seconds that the server asked for, or None."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


def _refusal(what: str, failures: Sequence[_Failure], mirrors: Sequence[str], given_by: str) -> Exception:
    told = f"{what}: {'; '.join(map(str, failures))}"
    if all(isinstance(failure, _Wrong) for failure in failures):
        return folders.PresetError(f"{told}. Try again, or set {given_by} to another server.")
    origin = masked(" ".join(mirrors))
    return ConnectionError(f"{told}. Check that {given_by}={origin!r} is reachable and serves the preset.")


def _from_mirror(mirror: str, preset: str, path: Path, expected: dict, retries: int) -> None:
    shown = masked(mirror)
    try:
        address = _place(mirror, preset, path.name)
        shown = masked(address.url)
        headers = {"Authorization": _basic(address.auth)} if address.auth else {}
        known = "size" in expected
        size = expected["size" if known else "most"]
        with _masked_logs():
            _fetch(address._replace(auth=None), headers, path, size, known, retries)
        if known and (mismatch := folders.mismatch(path.parent, {path.name: expected})):
            raise _Wrong(mismatch.rstrip("."))
    except _Wrong as failure:
        raise _Wrong(f"{failure}. It was downloaded from {shown} and discarded") from None
    except _Failure as failure:
        raise _Failure(f"{shown}: {masked(str(failure))}") from None


def _place(mirror: str, preset: str, file: str) -> Url:
    """Returns the address of a preset's file on a mirror."""
    name = urllib.parse.quote(preset)
    if "{file}" in mirror:
        return _parsed(mirror.replace("{name}", name).replace("{file}", file))._replace(fragment=None)
    base = _parsed(mirror)
    return base._replace(path=f"{(base.path or '').rstrip('/')}/{name}/{file}", fragment=None)


def _fetch(address: Url, headers: dict[str, str], path: Path, size: int, known: bool, retries: int) -> None:
    """Downloads a file, with retries. Each attempt resumes where the previous one ended.

    `size` is the size of the file; if it is not `known`, the maximum size.
    """
    with open(path, "wb") as file:
        for attempt in itertools.count():
            try:
                return _receive(address, headers, file, size, known)
            except _Passing as failure:
                wait = failure.wait or BACK_OFF * 2**attempt
                if attempt == retries or wait > LONGEST_WAIT:
                    raise _Failure(
                        f"{failure} (attempt {attempt + 1}, {file.tell()} of {size} bytes)"
                    ) from None
            sleep(wait)


def _receive(address: Url, headers: dict[str, str], file: BinaryIO, size: int, known: bool) -> None:
    """Appends the content of one response to a file that may be partially downloaded."""
    if offset := file.tell():
        headers = {**headers, "Range": f"bytes={offset}-"}
    with contextlib.closing(_answer(address, headers)) as response:
        _check_status(response)
        content_range = response.headers.get("Content-Range", "")
        if response.status != 206 or not content_range.startswith(f"bytes {offset}-"):
            # The server does not support ranges, or not this one: the download starts again.
            offset = file.seek(0)
            file.truncate()
            if response.status != 200:
                raise _Passing(f"it did not send the requested part of the file ({response.status})")
        rest = response.length_remaining
        _check_size(offset + (rest or 0), size, file.name)
        started = monotonic()
        while chunk := _read(response):
            _check_size(file.tell() + len(chunk), size, file.name)
            file.write(chunk)
            if monotonic() - started > READ_TIMEOUT + (file.tell() - offset) / SLOWEST:
                raise _Passing(f"it sends less than {SLOWEST} bytes per second")
    # An unknown length is taken from the response.
    if file.tell() < size and file.tell() - offset != rest and (known or rest is not None):
        raise _Passing("the connection broke")


def _check_status(response: urllib3.BaseHTTPResponse) -> None:
    # 416: there is no content at the position to resume from.
    if response.status in (200, 206, 416):
        return
    reason = f"{response.status} {http.client.responses.get(response.status, '')}".rstrip()
    if response.status != 429 and response.status < 500:
        raise _Failure(reason)
    try:
        wait = urllib3.Retry().get_retry_after(response)
    except (HTTPError, ValueError, OverflowError):
        wait = None
    raise _Passing(f"{reason}, retry after {wait:.0f} s" if wait else reason, wait)


def _check_size(found: int, size: int, path: str) -> None:
    if found > size:
        raise _Wrong(f"{path} is damaged: expected {size} bytes, found more")


def _answer(address: Url, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
    """Sends a request, follows redirections, and returns the response with an unread body."""
    for _ in range(REDIRECTS + 1):
        with _told():
            response = _client(address).request(
                "GET",
                address.url,
                headers=headers,
                # Not followed by the client, which would read the body of a redirection, however long.
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
            )
            location = response.get_redirect_location()
            if not location:
                return response
            response.close()
            target = _parsed(urllib.parse.urljoin(address.url, location))._replace(auth=None, fragment=None)
            if (address.scheme, target.scheme) == ("https", "http"):
                raise _Failure("it redirects from https to http")
            if (target.scheme, target.netloc) != (address.scheme, address.netloc):
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            address = target
    raise _Failure(f"it redirects more than {REDIRECTS} times")


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    """Returns the available bytes, waiting for at most one byte, so that slow servers are detected."""
    with _told():
        return response.read1(_CHUNK)


def _client(address: Url) -> urllib3.PoolManager:
    """Returns a client that uses the proxy of the environment or system, if there is one for the address."""
    proxy = urllib.request.getproxies().get(address.scheme or "")
    if not proxy or urllib.request.proxy_bypass(address.netloc or ""):
        return urllib3.PoolManager()
    proxy_address = _parsed(proxy if "://" in proxy else f"http://{proxy}")
    headers = {"Proxy-Authorization": _basic(proxy_address.auth)} if proxy_address.auth else None
    return urllib3.ProxyManager(proxy_address._replace(auth=None).url, proxy_headers=headers)


def _parsed(address: str) -> Url:
    with _told():
        parsed = parse_url(address)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise _Failure("an address must begin with http:// or https://, followed by a host")
    return parsed


def _basic(auth: str) -> str:
    """Returns the authorization header for the user and password of an address."""
    user, _, password = auth.partition(":")
    pair = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Context manager that converts errors of the client to failures with a short reason."""
    try:
        yield
    # An invalid address, of a mirror or a redirection.
    except ValueError as error:
        raise _Failure(str(error)) from None
    except HTTPError as error:
        # The text or the connection in the arguments is followed by the cause.
        raise _Passing(str(error.args[-1] if error.args else error)) from None


@contextlib.contextmanager
def _masked_logs() -> Iterator[None]:
    """Context manager that masks credentials in the client's logs, which contain the full address."""

    def mask(record: logging.LogRecord) -> bool:
        record.msg, record.args = masked(record.getMessage()), None
        return True

    loggers = [logging.getLogger(f"urllib3.{name}") for name in ("connection", "connectionpool")]
    for logger in loggers:
        logger.addFilter(mask)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(mask)
