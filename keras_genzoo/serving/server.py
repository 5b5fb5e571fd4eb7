"""The process of `genzoo serve`."""

import concurrent.futures
import json
import logging
import os
import signal
import sys
import tempfile
import warnings
from pathlib import Path

import uvicorn

from keras_genzoo import explore
from keras_genzoo.serving.app import make_app
from keras_genzoo.serving.guard import Metrics, log
from keras_genzoo.serving.models import ServedModel


def serve(folders, limits, host="127.0.0.1", port=8000, token=None, threads=None):
    """Serves bundles until the process is terminated. Accepted requests are answered before it ends.

    Args:
        folders: Paths of bundles.
        limits: `keras_genzoo.serving.limits.Limits`.
        host, port: Address to listen on. Port 0 chooses a free port.
        token: String, the bearer token that requests must send, or None.
        threads: Int, number of computing threads. Defaults to all cores available to this process.

    Raises:
        ValueError: If two models have the same name, or a folder is not a bundle.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    log.setLevel(logging.INFO)
    # Each line of the log is JSON.
    warnings.showwarning = lambda message, *others: log.warning(json.dumps({"warning": str(message)}))
    metrics = Metrics()
    threads = threads or os.cpu_count()
    # One batch at a time: each uses all threads.
    with concurrent.futures.ThreadPoolExecutor(1) as executor, tempfile.TemporaryDirectory() as temporary:
        models = [
            ServedModel(
                folder,
                limits,
                executor,
                threads,
                lambda name, rows: metrics.batches.labels(name).observe(rows),
            )
            for folder in folders
        ]
        by_name = {model.name: model for model in models}
        if len(by_name) < len(models):
            raise ValueError("The models must have different names.")
        # A browser sends no token.
        site = None if token else _page(Path(temporary), dict(zip(by_name, map(Path, folders), strict=True)))
        hosts = None if token else {"localhost", "127.0.0.1", "[::1]", host}
        app = make_app(by_name, limits, metrics, token, hosts, site)
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            # The fast implementations, if they are installed.
            loop="auto",
            http="auto",
            limit_concurrency=limits.max_connections,
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=int(limits.deadline) + 1,
        )
        # Uvicorn raises the signal again after a graceful shutdown, which is a normal end.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        _Server(config, list(by_name)).run()


def _page(folder, bundles):
    """Returns the folder of the page of `genzoo explore`, or None if it cannot be written."""
    try:
        explore.write_page(folder, bundles)
        return folder
    except (OSError, RuntimeError) as reason:
        print(f"The page at / is not available: {reason}", file=sys.stderr)
        return None


class _Server(uvicorn.Server):
    """A server that prints its address."""

    def __init__(self, config, names):
        super().__init__(config)
        self._names = names

    async def startup(self, sockets=None):
        await super().startup(sockets)
        for listening in self.servers:
            for socket in listening.sockets:
                host, port = socket.getsockname()[:2]
                host = f"[{host}]" if ":" in host else host
                print(f"Serving {', '.join(self._names)} at http://{host}:{port}", flush=True)
