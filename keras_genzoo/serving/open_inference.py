"""The Open Inference Protocol, version 2, over HTTP, with its extension of binary tensors.

A signature beside the default one is a model of its own, `NAME.SIGNATURE`: the protocol knows no signatures.
"""

import json

import numpy as np
from fastapi import APIRouter, Request, Response

from keras_genzoo import _version
from keras_genzoo.serving.models import BadRequest

VERSION = "1"
# NumPy's name of a dtype -> the protocol's.
_DATATYPES = {"float32": "FP32", "int32": "INT32", "int64": "INT64", "uint8": "UINT8"}
# What inputs may be declared as; they are then checked against what the model takes.
_NUMPY = {
    "BOOL": "bool",
    **{f"{kind}{bits}": f"{kind.lower()}{bits}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
}
_LENGTH = "Inference-Header-Content-Length"


def routes(find, models, is_ready):
    """The endpoints.

    Args:
        find: Function from a name to a `ServedModel`.
        models: Dict of the served models by name.
        is_ready: Function without arguments, whether requests are taken.
    """
    router = APIRouter(tags=["Open Inference Protocol"])

    @router.get("/v2")
    async def server():
        return {"name": "keras_genzoo", "version": _version.__version__, "extensions": ["binary_tensor_data"]}

    @router.get("/v2/health/live")
    async def live():
        return Response()

    @router.get("/v2/health/ready")
    async def ready():
        return Response(status_code=200 if is_ready() else 503)

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
        _signature(name, find)
        return Response(status_code=200 if is_ready() else 503)

    @router.get("/v2/models/{name}")
    @router.get("/v2/models/{name}/versions/" + VERSION)
    async def metadata(name: str):
        signature = _signature(name, find)
        return {
            "name": name,
            "versions": [VERSION],
            "platform": "onnxruntime_onnx",
            "inputs": [_described(tensor) for tensor in signature.inputs],
            "outputs": [_described(tensor) for tensor in signature.outputs],
        }

    @router.post("/v2/models/{name}/infer")
    @router.post("/v2/models/{name}/versions/" + VERSION + "/infer")
    async def infer(name: str, request: Request):
        signature = _signature(name, find)
        header, binary = _split(await request.body(), request.headers.get(_LENGTH))
        outputs = await signature(_given(header, binary))
        return _response(name, header, outputs)

    return router


def _signature(name, find):
    """The signature that a name stands for: of the model, or of one of its other signatures."""
    model_name, _, signature = name.partition(".")
    model = find(model_name)
    signature = signature or model.default_signature
    if signature not in model.signatures:
        raise BadRequest(f"`{name}`: {model_name!r} has the signatures {', '.join(model.signatures)}.")
    return model.signatures[signature]


def _described(tensor):
    # The protocol has no scalars.
    shape = [-1 if side is None else side for side in tensor.shape] or [1]
    return {"name": tensor.name, "datatype": _DATATYPES[np.dtype(tensor.dtype).name], "shape": shape}


def _split(body, length):
    """The JSON of a request, and the bytes behind it."""
    try:
        length = len(body) if length is None else int(length)
        header = json.loads(body[:length])
        if (
            not 0 < length <= len(body)
            or not isinstance(header, dict)
            or not isinstance(header["inputs"], list)
        ):
            raise ValueError("it holds no list of `inputs`")
    except (ValueError, KeyError) as error:
        raise BadRequest(f"The body must begin with the JSON of an inference request: {error}") from None
    return header, memoryview(body)[length:]


def _given(header, binary):
    """Arrays of a request by name."""
    given, start = {}, 0
    for tensor in header["inputs"]:
        try:
            name, shape, dtype = (
                tensor["name"],
                [int(side) for side in tensor["shape"]],
                _NUMPY[tensor["datatype"]],
            )
            size = tensor.get("parameters", {}).get("binary_data_size")
            if size is None:
                array = np.asarray(tensor["data"], dtype)
            else:
                size = int(size)
                if size < 0 or start + size > len(binary):
                    raise ValueError("there are fewer bytes than `binary_data_size`")
                array, start = np.frombuffer(binary[start : start + size], dtype), start + size
            given[name] = array.reshape(shape)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise BadRequest(f"`inputs` holds a tensor that cannot be read: {error!r}") from None
    return given


def _response(name, header, outputs):
    """JSON of the outputs that were asked for, with the bytes of those that were asked for as binary behind it."""
    asked = header.get("outputs") or [{"name": key} for key in outputs]
    all_binary = bool(_parameters(header).get("binary_data_output", False))
    described, binary = [], []
    for tensor in asked:
        key = tensor.get("name") if isinstance(tensor, dict) else None
        if key not in outputs:
            raise BadRequest(f"`outputs` must name some of {', '.join(outputs)}. Received: {key!r}")
        array = np.ascontiguousarray(outputs[key])
        entry = {"name": key, "datatype": _DATATYPES[array.dtype.name], "shape": list(array.shape)}
        if _parameters(tensor).get("binary_data", all_binary):
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
