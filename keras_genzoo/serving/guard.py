"""ASGI middleware for all requests: token, body size, deadline, log and metrics."""

import asyncio
import hmac
import json
import logging
import re
import time

import prometheus_client
from fastapi import HTTPException

_PORT = re.compile(rb":\d+$")

log = logging.getLogger("keras_genzoo.serving")


class Metrics:
    """Metrics for Prometheus."""

    def __init__(self):
        self.registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        self.requests = prometheus_client.Counter(
            "genzoo_requests",
            "Requests by endpoint and status.",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self.seconds = prometheus_client.Histogram(
            "genzoo_request_seconds",
            "Seconds from the headers of a request to the end of its response.",
            ["endpoint"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
            registry=self.registry,
        )
        self.batches = prometheus_client.Histogram(
            "genzoo_batch_rows",
            "Samples or pictures per batch.",
            ["model"],
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
            registry=self.registry,
        )
        self.waiting = prometheus_client.Gauge(
            "genzoo_waiting_rows",
            "Samples or pictures that are waiting or being computed.",
            ["model"],
            registry=self.registry,
        )

        self._by_endpoint = {}

    def note(self, endpoint, status, seconds):
        """Records an answered request."""
        if (endpoint, status) not in self._by_endpoint:
            # Cached: there are few label combinations and many requests.
            metrics = self.requests.labels(endpoint, status), self.seconds.labels(endpoint)
            self._by_endpoint[endpoint, status] = metrics
        requests, histogram = self._by_endpoint[endpoint, status]
        requests.inc()
        histogram.observe(seconds)

    def text(self):
        """Returns the content of `/metrics`, bytes."""
        return prometheus_client.generate_latest(self.registry)


class Guard:
    """ASGI middleware.

    Args:
        app: ASGI application.
        limits: `keras_genzoo.serving.limits.Limits`.
        metrics: `Metrics`.
        token: String, the bearer token that requests must send, or None. Health checks do not need it.
        hosts: Collection of allowed values of the `Host` header, or None for any. This protects against DNS rebinding
            by pages of other sites.
    """

    def __init__(self, app, limits, metrics, token=None, hosts=None):
        self.app = app
        self._limits = limits
        self._metrics = metrics
        self._hosts = None if hosts is None else {host.encode() for host in hosts}
        self._authorization = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        headers = dict(scope["headers"])
        status = 0

        async def send_noting(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if refusal := self._refusal(scope, headers):
                await _answer(send_noting, *refusal)
                return
            async with asyncio.timeout(self._limits.deadline):
                await self.app(scope, self._bounded(receive), send_noting)
        except TimeoutError:
            if status:
                raise
            await _answer(send_noting, 504, f"The request timed out after {self._limits.deadline:g} s.")
        finally:
            self._note(scope, status, time.perf_counter() - begun)

    def _refusal(self, scope, headers):
        """Returns the status and message for a request that is refused, or None."""
        if self._hosts is not None and _PORT.sub(b"", headers.get(b"host", b"")) not in self._hosts:
            return 421, "The `Host` header is not one of this server: the request came from another site."
        if self._authorization is not None and scope["path"] not in ("/v2/health/live", "/v2/health/ready"):
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, self._authorization):
                return 401, "The token is missing or wrong. Send it as `Authorization: Bearer TOKEN`."
        if headers.get(b"content-encoding", b"identity") != b"identity":
            return 415, "Send the body without compression (`Content-Encoding`)."
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._limits.max_body:
            return self._too_large()
        return None

    def _too_large(self):
        return 413, f"The body must have at most {self._limits.max_body} bytes."

    def _bounded(self, receive):
        """Returns a `receive` that stops at the size limit, for bodies without a declared size."""
        taken = 0

        async def receive_bounded():
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limits.max_body:
                # Raised in the endpoint that reads the body: the application answers with this status.
                raise HTTPException(*self._too_large())
            return message

        return receive_bounded

    def _note(self, scope, status, seconds):
        # Unknown paths share one label, because their number is unlimited.
        endpoint = getattr(scope.get("route"), "path", "other")
        self._metrics.note(endpoint, status, seconds)
        if log.isEnabledFor(logging.INFO):
            line = {
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "client": (scope.get("client") or [None])[0],
                "method": scope["method"],
                "path": scope["path"],
                "query": scope["query_string"].decode("latin-1"),
                "status": status,
                "milliseconds": round(1000 * seconds, 2),
            }
            log.info(json.dumps(line))


async def _answer(send, status, message):
    body = json.dumps({"error": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
