"""Checks and preparations of `genzoo serve`: packages, address, and the bundles of the models."""

import hashlib
import importlib.util
import ipaddress
import json
import socket
import subprocess
import sys
from pathlib import Path

from keras_genzoo import _version, presets
from keras_genzoo.presets.resolution import cache_folder
from keras_genzoo.serving import DESCRIPTION, FORMAT

_PACKAGES = ("fastapi", "uvicorn", "prometheus_client", "onnxruntime")


def check_installed():
    """Raises an ImportError if a package of the extra `serve` is missing."""
    missing = [package for package in _PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise ImportError(
            f'Serving requires {", ".join(missing)}. Install the packages with `pip install "keras_genzoo[serve]"`.'
        )


def check_address(host, port, token):
    """Checks that the server can listen on an address, and has a token if other machines can reach it.

    Raises:
        ValueError: If `host` is not a loopback address and there is no token.
        OSError: If `port` is in use or not allowed, or `host` is not an address of this machine.
    """
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not (is_loopback or token):
        raise ValueError(
            f"--host {host} makes the server reachable from other machines: set a --token, or leave --host at "
            "127.0.0.1."
        )
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        # The original reason, without what `create_server` adds.
        reason = error.strerror.split(" (")[0]
        raise type(error)(
            f"Cannot listen on port {port} of {host}: {reason}. Choose another --port, or --port 0 for any free "
            "port, and a --host of this machine."
        ) from None


def bundle(name):
    """Returns the folder of the bundle of a preset. If it is not in the cache, another process exports it.

    Args:
        name: String, name or folder of a preset, or folder of a bundle.

    Raises:
        RuntimeError: If the export fails.
    """
    if (Path(name) / DESCRIPTION).is_file():
        return Path(name)
    files = presets.metadata(name)["files"]
    key = hashlib.sha256(
        json.dumps([files, FORMAT, _version.__version__], sort_keys=True).encode()
    ).hexdigest()[:16]
    folder = cache_folder() / "bundles" / f"{Path(name).name}-{key}"
    if not (folder / DESCRIPTION).is_file():
        print(f"Exporting {name} to ONNX. This takes about 20 seconds, once.", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "keras_genzoo", "export", name, "--format", "bundle"]
        process = subprocess.run([*command, "--output", str(folder)], capture_output=True, text=True)
        if process.returncode:
            raise RuntimeError(f"{name!r} cannot be exported to ONNX: {process.stderr.strip()[-2000:]}")
    return folder
