"""The web application: endpoints for pictures, and the TensorFlow Serving and Open Inference protocols."""

import asyncio
import base64
import io
import json
from typing import Annotated

import numpy as np
import starlette.exceptions
from fastapi import APIRouter, FastAPI, HTTPException, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from PIL import Image, UnidentifiedImageError

from keras_genzoo import _version
from keras_genzoo.images import pictures
from keras_genzoo.images.grids import image_grid
from keras_genzoo.serving import open_inference, tensorflow_serving
from keras_genzoo.serving.batching import Overloaded
from keras_genzoo.serving.guard import Guard, Metrics
from keras_genzoo.serving.models import BadRequest
from keras_genzoo.serving.threads import beside_the_loop

# Accepted picture formats: common ones, whose decoders are well maintained.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")


def make_app(models, limits, metrics=None, token=None, hosts=None, site=None):
    """Creates the application.

    Args:
        models: Dict of `keras_genzoo.serving.models.ServedModel` by name.
        limits: `keras_genzoo.serving.limits.Limits`.
        metrics: `keras_genzoo.serving.guard.Metrics`, or None.
        token, hosts: See `keras_genzoo.serving.guard.Guard`.
        site: Path of a folder of static files to serve at `/`, or None.

    Returns:
        ASGI application.
    """
    metrics = metrics or Metrics()
    app = FastAPI(
        title="keras_genzoo",
        version=_version.__version__,
        description="Generative image models: " + ", ".join(models) + ".",
        responses={"4XX": {"description": "The request is invalid.", "content": _ERROR}},
    )
    # `Guard` checks the token; this documents it.
    secured = [Security(HTTPBearer(auto_error=False))] if token else []
    router = APIRouter(dependencies=secured)

    def find(name):
        if name not in models:
            raise HTTPException(404, f"There is no model {name!r}. Models: {', '.join(models)}.")
        return models[name]

    def the_model(name):
        """Returns the named model, or the only one."""
        if name is None and len(models) > 1:
            raise BadRequest(f"`model` is missing. It must be one of {', '.join(models)}.")
        return find(next(iter(models)) if name is None else name)

    @router.get("/models", tags=["Pictures"])
    async def descriptions():
        """The descriptions of all models, without the arrays of their priors."""
        return [
            {key: value for key, value in model.description.items() if key not in ("prior", "directions")}
            for model in models.values()
        ]

    @router.get("/sample", tags=["Pictures"], response_class=Response, responses=_PNG)
    async def sample(
        seed: int = 0,
        num: int = 1,
        label: int | None = None,
        model: str | None = None,
    ):
        """A PNG of one sample, or of a grid of samples. The images are those of `model.sample` for the same seed."""
        images = await the_model(model).sample(num, seed, label)
        if images.ndim != 4:
            raise BadRequest("This model generates points, not images. Use its signature `sample`.")
        picture = images[0] if num == 1 else image_grid(images)
        return Response(await _encoded(picture), media_type="image/png")

    @router.post(
        "/translate", tags=["Pictures"], response_class=Response, responses=_PNG, openapi_extra=_PICTURE_BODY
    )
    async def translate(
        request: Request,
        direction: str | None = None,
        size: Annotated[
            int | None, Query(description="Resize the longer side to this number of pixels first.")
        ] = None,
        domain: Annotated[
            str | None, Query(description="Name or number of the domain to translate into.")
        ] = None,
        seed: Annotated[
            int | None, Query(description="Random seed of the style, for models with styles.")
        ] = None,
        model: str | None = None,
    ):
        """A PNG of the translation of the picture in the body: PNG, JPEG, WebP, GIF, BMP or TIFF.

        For a model with styles, the body may instead be JSON with the picture and a style: a reference picture, or
        the numbers of a style.
        """
        served = the_model(model)
        task = served.task(direction)
        if size is not None and not 1 <= size * size <= limits.max_pixels:
            raise BadRequest(f"`size` must be from 1 to {int(limits.max_pixels**0.5)}. Received: {size}")
        body, reference, style, name = await request.body(), None, None, "The body"
        if request.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
            (body, reference, style), name = await beside_the_loop(len(body), _parts, body), "`image`"
        image = await asyncio.to_thread(_decoded, body, task, size, limits.max_pixels, name)
        if reference is not None:
            *sides, channels = served.description["image_shape"]
            wanted = {"source_channels": channels, "fixed_size": sides}
            reference = await asyncio.to_thread(
                _decoded, reference, wanted, None, limits.max_pixels, "`reference`"
            )
        translated = await served.translate(image, direction, domain, seed, style, reference)
        return Response(await _encoded(translated), media_type="image/png")

    @router.get("/metrics", tags=["Operations"], response_class=Response)
    async def prometheus():
        """Metrics for Prometheus."""
        for name, served in models.items():
            metrics.waiting.labels(name).set(served.waiting)
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    app.include_router(router)
    app.include_router(tensorflow_serving.routes(find), dependencies=secured)
    app.include_router(open_inference.routes(find, models), dependencies=secured)
    app.include_router(open_inference.health())

    @app.exception_handler(BadRequest)
    async def bad_request(request, error):
        return JSONResponse({"error": str(error)}, 400)

    @app.exception_handler(Overloaded)
    async def overloaded(request, error):
        return JSONResponse({"error": str(error)}, 429, {"Retry-After": str(error.seconds)})

    @app.exception_handler(starlette.exceptions.HTTPException)
    async def refused(request, error):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def failed(request, error):
        return JSONResponse({"error": "Internal server error. See the server's log."}, 500)

    @app.exception_handler(RequestValidationError)
    async def invalid(request, error):
        found = error.errors()[0]
        return JSONResponse(
            {"error": f"`{found['loc'][-1]}`: {found['msg']}. Received: {found['input']!r}"}, 400
        )

    if site is not None:
        from fastapi.staticfiles import StaticFiles

        app.mount("/", StaticFiles(directory=site, html=True))
    return Guard(app, limits, metrics, token, hosts)


_PNG = {200: {"content": {"image/png": {}}}}
_ERROR = {
    "application/json": {"schema": {"type": "object", "properties": {"error": {"type": "string"}}}},
}
_BYTES = {"image/*": {"schema": {"type": "string", "format": "binary"}}}
_BASE64 = {"type": "string", "format": "byte"}
_WITH_STYLE = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["image"],
            "properties": {
                "image": _BASE64,
                "reference": _BASE64,
                "style": {"type": "array", "items": {"type": "number"}},
            },
        }
    }
}
_PICTURE_BODY = {"requestBody": {"required": True, "content": {**_BYTES, **_WITH_STYLE}}}


async def _encoded(image):
    """Returns a uint8 array `(height, width, channels)` as the bytes of a PNG file."""
    return await beside_the_loop(image.nbytes, _png, image)


def _png(image):
    file = io.BytesIO()
    # Light compression: pictures are small, and latency matters.
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _parts(body):
    """Returns the picture file, the reference picture file and the style in the JSON of a request."""
    try:
        given = json.loads(body)
        if not isinstance(given, dict) or not {"image"} <= given.keys() <= {"image", "reference", "style"}:
            raise ValueError("it needs the key `image`, and may have `reference` or `style`")
        if not isinstance(given["image"], str):
            raise ValueError("`image` must be a string")
        files = [given.get(name) for name in ("image", "reference")]
        files = [file if file is None else base64.b64decode(file, validate=True) for file in files]
    except (ValueError, TypeError, RecursionError) as error:
        raise BadRequest(
            f"The body must be a JSON object with picture files in base64: {error}. Or post a picture file without "
            "`Content-Type: application/json`."
        ) from None
    return *files, given.get("style")


def _decoded(body, task, size, max_pixels, name="The body"):
    """Decodes a picture file as a uint8 array for a task, after checking its number of pixels.

    `name` is the name of the file in error messages.
    """
    if "has_edges" in task:
        raise BadRequest(
            "The model takes label maps with edges, but a picture has labels only. Use its signature "
            f"{task['network']!r} with arrays of 2 channels, labels and edges."
        )
    if not body:
        raise BadRequest(f"{name} must be a picture file, such as a PNG.")
    try:
        with Image.open(io.BytesIO(body), formats=_FORMATS) as picture:
            number = picture.width * picture.height
    except UnidentifiedImageError:
        raise BadRequest(
            f"{name} must be the bytes of a picture ({', '.join(_FORMATS)}), not a form. With curl: `--data-binary "
            "@FILE`."
        ) from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadRequest(f"{name} cannot be read: {error}") from None
    if number > max_pixels:
        raise BadRequest(f"{name} must be a picture of at most {max_pixels} pixels. Received: {number}")
    file, channels, size = io.BytesIO(body), task["source_channels"], task.get("fixed_size") or size
    try:
        if "label_colors" in task:
            return pictures.read_labels(file, np.array(task["label_colors"], "uint8"), size)
        if "has_holes" in task:
            return pictures.read_with_holes(file, channels - 1, size)
        return pictures.read(file, channels, size)
    except pictures.UnreadablePicture as error:
        raise BadRequest(f"{name} cannot be read: {error.reason}") from None
