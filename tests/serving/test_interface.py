"""What `genzoo serve` tells of itself, and what it refuses before it starts."""

import socket

import pytest

from keras_genzoo.serving import bundles
from keras_genzoo.serving.limits import Limits

HEALTH = {"/v2/health/live", "/v2/health/ready"}


def described(token=None):
    """The operations of the OpenAPI description, by path and method, and its security schemes."""
    from keras_genzoo.serving.app import make_app

    document = make_app({}, Limits(), token=token).app.openapi()
    operations = {
        (path, method): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    return operations, document.get("components", {}).get("securitySchemes")


def test_what_is_posted_is_described():
    bodies = {
        path: {*operation["requestBody"]["content"]}
        for (path, method), operation in described()[0].items()
        if method == "post" and path != "/v2/repository/index"
    }
    of_inference = {"application/json", "application/octet-stream"}
    assert bodies == {
        "/translate": {"image/*", "application/json"},
        "/v1/models/{name}:predict": {"application/json"},
        "/v1/models/{name}/versions/1:predict": {"application/json"},
        "/v2/models/{name}/infer": of_inference,
        "/v2/models/{name}/versions/1/infer": of_inference,
    }


def test_errors_are_described_as_they_are_answered():
    for operation in described()[0].values():
        schema = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
        assert [*schema["properties"]] == ["error"]
        assert "422" not in operation["responses"]


def test_a_token_is_described_where_it_is_asked_for():
    operations, schemes = described(token="secret")
    assert schemes == {"HTTPBearer": {"type": "http", "scheme": "bearer"}}
    assert {path for (path, _), operation in operations.items() if "security" not in operation} == HEALTH
    operations, schemes = described()
    assert schemes is None
    assert not any("security" in operation for operation in operations.values())


def test_a_port_in_use_is_refused_with_the_way_out():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=rf"Cannot listen on port {port} of 127.0.0.1: .*in use.*--port 0"):
            bundles.check_address("127.0.0.1", port, None)
    bundles.check_address("127.0.0.1", 0, None)
