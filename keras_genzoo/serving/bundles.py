"""What `genzoo serve` needs before it starts: packages, an address, and the bundles of the named models."""

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
    """Raises ImportError where a package of the extra `serve` is missing."""
    missing = [package for package in _PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise ImportError(
            f'Serving needs {", ".join(missing)}. Install what it needs with `pip install "keras_genzoo[serve]"`.'
        )


def check_address(host, port, token):
    """Refuses to serve other machines without a token, and what cannot be listened at.

    Raises:
        ValueError: If `host` is not a loopback address and there is no token.
        OSError: If `port` is in use or not allowed, or `host` is no address of this machine.
    """
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not (is_loopback or token):
        raise ValueError(
            f"--host {host} would serve other machines: give a --token that requests must bear, or leave --host at "
            "127.0.0.1."
        )
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        # Without what `create_server` adds.
        reason = error.strerror.split(" (")[0]
        raise type(error)(
            f"Port {port} of {host} cannot be listened at: {reason}. Choose another --port, or --port 0 for "
            "a free one, and a --host of this machine."
        ) from None


def bundle(name):
    """The folder of the bundle of a preset: in the cache, or written there by another process, which has Keras.

    Args:
        name: String, name or folder of a preset, or the folder of a bundle.
    """
    if (Path(name) / DESCRIPTION).is_file():
        return Path(name)
    files = presets.metadata(name)["files"]
    key = hashlib.sha256(
        json.dumps([files, FORMAT, _version.__version__], sort_keys=True).encode()
    ).hexdigest()[:16]
    folder = cache_folder() / "bundles" / f"{Path(name).name}-{key}"
    if not (folder / DESCRIPTION).is_file():
        print(f"Exporting {name} to ONNX, once: this takes some 20 seconds.", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "keras_genzoo", "export", name, "--format", "bundle"]
        process = subprocess.run([*command, "--output", str(folder)], capture_output=True, text=True)
        if process.returncode:
            raise RuntimeError(f"{name!r} cannot be exported to ONNX: {process.stderr.strip()[-2000:]}")
    return folder
