"""The REST API of TensorFlow Serving: status, metadata and `:predict` of each model."""

import json

import numpy as np
from fastapi import APIRouter, Request, Response

from keras_genzoo.serving.models import BadRequest
from keras_genzoo.serving.threads import beside_the_loop, size_of

VERSION = "1"
# NumPy's name of a dtype -> TensorFlow's.
_DTYPES = {"float32": "DT_FLOAT", "int32": "DT_INT32", "int64": "DT_INT64", "uint8": "DT_UINT8"}


def routes(find):
    """Returns the endpoints. `find` maps a name to a `ServedModel`."""
    router = APIRouter(tags=["TensorFlow Serving"])

    @router.get("/v1/models/{name}")
    @router.get("/v1/models/{name}/versions/" + VERSION)
    async def status(name: str):
        find(name)
        fine = {"error_code": "OK", "error_message": ""}
        return {"model_version_status": [{"version": VERSION, "state": "AVAILABLE", "status": fine}]}

    @router.get("/v1/models/{name}/metadata")
    @router.get("/v1/models/{name}/versions/" + VERSION + "/metadata")
    async def metadata(name: str):
        model = find(name)
        signatures = {**model.signatures, "serving_default": model.signatures[model.default_signature]}
        described = {
            key: {
                "inputs": {tensor.name: _described(key, tensor) for tensor in signature.inputs},
                "outputs": {tensor.name: _described(key, tensor) for tensor in signature.outputs},
                "method_name": "tensorflow/serving/predict",
            }
            for key, signature in signatures.items()
        }
        return {
            "model_spec": {"name": name, "signature_name": "", "version": VERSION},
            "metadata": {"signature_def": {"signature_def": described}},
        }

    @router.post("/v1/models/{name}:predict", openapi_extra=_BODY)
    @router.post("/v1/models/{name}/versions/" + VERSION + ":predict", openapi_extra=_BODY)
    async def predict(name: str, request: Request):
        model = find(name)
        body = await request.body()
        # Reading and writing JSON with many numbers is slow.
        body = await beside_the_loop(len(body), _json_object, body)
        asked = body.get("signature_name", "serving_default")
        asked = model.default_signature if asked == "serving_default" else asked
        if not isinstance(asked, str) or asked not in model.signatures:
            raise BadRequest(
                f"`signature_name` must be one of {', '.join(model.signatures)}. Received: {asked!r}"
            )
        signature = model.signatures[asked]
        in_rows = "instances" in body
        if in_rows == ("inputs" in body):
            raise BadRequest(
                "Pass either `instances` (a list with one entry per row) or `inputs` (arrays by name)."
            )
        given = _columns(body["instances"], signature) if in_rows else _by_name(body["inputs"], signature)
        outputs = await signature(given)
        return await beside_the_loop(size_of(outputs), _response, outputs, in_rows)

    return router


_REQUEST = {
    "type": "object",
    "properties": {
        "signature_name": {"type": "string", "default": "serving_default"},
        "inputs": {"description": "Arrays by name, or the array of the only input."},
        "instances": {
            "type": "array",
            "items": {},
            "description": "One entry per row, instead of `inputs`.",
        },
    },
    "oneOf": [{"required": ["inputs"]}, {"required": ["instances"]}],
}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _REQUEST}}}}


def _json_object(body):
    try:
        body = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body must be JSON: {error}") from None
    if not isinstance(body, dict):
        raise BadRequest(f"The body must be a JSON object. Received: {type(body).__name__}")
    return body


def _response(outputs, in_rows):
    outputs = {key: array.tolist() for key, array in outputs.items()}
    if in_rows:
        answer = {"predictions": _rows(outputs)}
    else:
        answer = {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}
    return Response(json.dumps(answer).encode(), media_type="application/json")


def _columns(instances, signature):
    """Converts rows, each a value or a dict of values by name, to arrays by name."""
    if not isinstance(instances, list) or not instances:
        raise BadRequest("`instances` must be a list of at least one row.")
    if any(not tensor.shape for tensor in signature.inputs):
        raise BadRequest("This signature takes scalars. Pass them by name as `inputs`.")
    if not isinstance(instances[0], dict):
        return _by_name(instances, signature)
    names = [tensor.name for tensor in signature.inputs]
    if any(not isinstance(row, dict) or {*row} != {*names} for row in instances):
        raise BadRequest(f"Each entry of `instances` must be an object with: {', '.join(names)}.")
    return {name: [row[name] for row in instances] for name in names}


def _by_name(values, signature):
    if isinstance(values, dict):
        return values
    if len(signature.inputs) > 1:
        raise BadRequest(f"Pass the inputs by name: {', '.join(tensor.name for tensor in signature.inputs)}.")
    return {signature.inputs[0].name: values}


def _rows(outputs):
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    return [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]


def _described(signature, tensor):
    sides = [{"size": str(-1 if side is None else side), "name": ""} for side in tensor.shape]
    shape = {"dim": sides, "unknown_rank": False}
    return {
        "dtype": _DTYPES[np.dtype(tensor.dtype).name],
        "tensor_shape": shape,
        "name": f"{signature}_{tensor.name}",
    }
