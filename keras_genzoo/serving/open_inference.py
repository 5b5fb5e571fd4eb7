"""The Open Inference Protocol, version 2, over HTTP, with the binary tensor extension.

The protocol has no signatures: signatures other than the default are models named `NAME.SIGNATURE`.
"""

import json

import numpy as np
from fastapi import APIRouter, Request, Response

from keras_genzoo import _version
from keras_genzoo.serving.models import BadRequest
from keras_genzoo.serving.threads import beside_the_loop, size_of

VERSION = "1"
# NumPy's name of a dtype -> the protocol's.
_DATATYPES = {"float32": "FP32", "int32": "INT32", "int64": "INT64", "uint8": "UINT8"}
_NUMPY = {datatype: dtype for dtype, datatype in _DATATYPES.items()}
_LENGTH = "Inference-Header-Content-Length"


def routes(find, models):
    """The endpoints.

    Args:
        find: Function from a name to a `ServedModel`.
        models: Dict of the served models by name.
    """
    router = APIRouter(tags=["Open Inference Protocol"])

    @router.get("/v2")
    async def server():
        return {"name": "keras_genzoo", "version": _version.__version__, "extensions": ["binary_tensor_data"]}

    @router.post("/v2/repository/index")
    async def index():
        names = [
            name if signature == model.default_signature else f"{name}.{signature}"
            for name, model in models.items()
            for signature in model.signatures
        ]
        return [{"name": name, "version": VERSION, "state": "READY", "reason": ""} for name in names]

    @router.get("/v2/models/{name}/ready")
    @router.get("/v2/models/{name}/versions/" + VERSION + "/ready")
    async def model_ready(name: str):
        _signature(name, models, find)
        return Response()

    @router.get("/v2/models/{name}")
    @router.get("/v2/models/{name}/versions/" + VERSION)
    async def metadata(name: str):
        signature = _signature(name, models, find)
        return {
            "name": name,
            "versions": [VERSION],
            "platform": "onnxruntime_onnx",
            "inputs": [_described(tensor) for tensor in signature.inputs],
            "outputs": [_described(tensor) for tensor in signature.outputs],
        }

    @router.post("/v2/models/{name}/infer", openapi_extra=_BODY)
    @router.post("/v2/models/{name}/versions/" + VERSION + "/infer", openapi_extra=_BODY)
    async def infer(name: str, request: Request):
        signature = _signature(name, models, find)
        body, length = await request.body(), request.headers.get(_LENGTH)
        # Reading and writing JSON with many numbers is slow.
        header, given = await beside_the_loop(len(body), _read, body, length, signature)
        asked = _asked(header, [tensor.name for tensor in signature.outputs])
        outputs = await signature(given)
        return await beside_the_loop(size_of(outputs), _response, name, header, asked, outputs)

    return router


def health():
    """Returns the health check endpoints."""
    router = APIRouter(tags=["Open Inference Protocol"])

    @router.get("/v2/health/live")
    async def live():
        return Response()

    @router.get("/v2/health/ready")
    async def ready():
        return Response()

    return router


def _tensor(required, **properties):
    properties = {"name": {"type": "string"}, **properties, "parameters": {"type": "object"}}
    return {"type": "array", "items": {"type": "object", "required": required, "properties": properties}}


_REQUEST = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "parameters": {"type": "object"},
        "inputs": _tensor(
            ["name", "shape", "datatype"],
            shape={"type": "array", "items": {"type": "integer"}},
            datatype={"type": "string", "enum": [*_NUMPY]},
            data={"type": "array", "items": {}},
        ),
        "outputs": _tensor(["name"]),
    },
}
_BINARY = {
    "type": "string",
    "format": "binary",
    "description": f"`{_LENGTH}` bytes of JSON, then the tensors.",
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _REQUEST},
            "application/octet-stream": {"schema": _BINARY},
        },
    }
}


def _signature(name, models, find):
    """Returns the signature of a name: a model's default, or another one for `NAME.SIGNATURE`."""
    model_name, signature = (name, "") if name in models else name.rpartition(".")[::2]
    model = find(model_name or name)
    signature = signature or model.default_signature
    if signature not in model.signatures:
        raise BadRequest(f"`{name}`: {model_name!r} has the signatures {', '.join(model.signatures)}.")
    return model.signatures[signature]


def _described(tensor):
    # The protocol has no scalars.
    shape = [-1 if side is None else side for side in tensor.shape] or [1]
    return {"name": tensor.name, "datatype": _DATATYPES[np.dtype(tensor.dtype).name], "shape": shape}


def _read(body, length, signature):
    """Returns the JSON of a request, and its arrays by name."""
    try:
        length = len(body) if length is None else int(length)
        if not 0 < length <= len(body):
            raise ValueError(f"`{_LENGTH}` is {length} of {len(body)} bytes")
        header = json.loads(body[:length])
        if not isinstance(header, dict) or not isinstance(header.get("inputs"), list):
            raise ValueError("it has no list of `inputs`")
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body must begin with the JSON of an inference request: {error}") from None
    return header, _arrays(header["inputs"], memoryview(body)[length:], signature)


def _arrays(tensors, binary, signature):
    """Returns the arrays by name, from JSON or from the bytes that follow it."""
    declared = {tensor.name: _DATATYPES[np.dtype(tensor.dtype).name] for tensor in signature.inputs}
    arrays, start = {}, 0
    for tensor in tensors:
        try:
            name, shape = tensor["name"], [int(side) for side in tensor["shape"]]
            if name not in declared or name in arrays:
                raise ValueError(f"{name!r} is not an input, or given twice. Inputs: {', '.join(declared)}")
            if tensor["datatype"] != declared[name]:
                raise ValueError(f"`{name}` must be {declared[name]}, not {tensor['datatype']!r}")
            if min(shape, default=1) < 1:
                raise ValueError(f"`{name}` has the shape {shape}")
            size = _parameters(tensor).get("binary_data_size")
            if size is None:
                array = np.asarray(tensor["data"], _NUMPY[declared[name]])
            else:
                size = int(size)
                if size < 0 or start + size > len(binary):
                    raise ValueError(f"there are fewer bytes than the `binary_data_size` of `{name}`")
                array, start = (
                    np.frombuffer(binary[start : start + size], _NUMPY[declared[name]]),
                    start + size,
                )
            arrays[name] = array.reshape(shape)
        except KeyError as error:
            raise BadRequest(f"`inputs` has a tensor without {error}.") from None
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise BadRequest(f"`inputs` has a tensor that cannot be read: {error}.") from None
    if start < len(binary):
        raise BadRequest(f"There are {len(binary) - start} extra bytes after the last input.")
    return arrays


def _asked(header, names):
    """Returns the requested outputs: a list of tuples of the name and whether it is binary."""
    tensors = header.get("outputs") or [{"name": name} for name in names]
    if not isinstance(tensors, list) or any(
        not isinstance(tensor, dict) or tensor.get("name") not in names for tensor in tensors
    ):
        raise BadRequest(f"`outputs` must be a list of objects whose `name` is one of {', '.join(names)}.")
    all_binary = _parameters(header).get("binary_data_output", False)
    return [(tensor["name"], bool(_parameters(tensor).get("binary_data", all_binary))) for tensor in tensors]


def _response(name, header, asked, outputs):
    """Returns the JSON of the outputs, followed by the bytes of binary outputs."""
    described, binary = [], []
    for key, as_bytes in asked:
        array = np.ascontiguousarray(outputs[key])
        entry = {"name": key, "datatype": _DATATYPES[array.dtype.name], "shape": list(array.shape)}
        if as_bytes:
            binary.append(array.tobytes())
            entry["parameters"] = {"binary_data_size": len(binary[-1])}
        else:
            entry["data"] = array.ravel().tolist()
        described.append(entry)
    answer = {"model_name": name, "model_version": VERSION, "outputs": described}
    if "id" in header:
        answer["id"] = header["id"]
    encoded = json.dumps(answer).encode()
    if not binary:
        return Response(encoded, media_type="application/json")
    headers = {_LENGTH: str(len(encoded))}
    return Response(b"".join([encoded, *binary]), media_type="application/octet-stream", headers=headers)


def _parameters(described):
    parameters = described.get("parameters")
    return parameters if isinstance(parameters, dict) else {}
