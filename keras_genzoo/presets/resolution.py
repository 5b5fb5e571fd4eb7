"""Finding and verifying presets: in a folder, a checkout, an installed distribution, the cache, or on the web."""

import hashlib
import importlib.metadata
import os
import re
import tempfile
import urllib.parse
import warnings
from pathlib import Path

from keras_genzoo import disk
from keras_genzoo._version import __version__
from keras_genzoo.presets import folders, registry
from keras_genzoo.presets.folders import CONFIG, FILES, LOADED, METADATA, WEIGHTS, PresetError


def resolve(name_or_path: str | os.PathLike, max_bytes: int | None = None) -> Path:
    """Finds the folder of a preset and verifies its files.

    Presets in a folder or at an address are verified with their own metadata. Presets found by name are verified with
    the hashes of the registry.

    Args:
        name_or_path: String or path. Name of a released preset, a folder written by `save_to_preset`, or an address:
            `hf://OWNER/REPOSITORY`, optionally with `@REVISION`, or `https://HOST/PATH/NAME`.
        max_bytes: Integer, maximum total size of the files at an address. See `from_preset` for the default.

    Returns:
        `pathlib.Path` of a folder with the verified files.

    Raises:
        PresetError: If a file is damaged.
        ValueError: If the name is unknown.
        OSError: If the files are not on this machine and cannot be downloaded.
    """
    if not isinstance(name_or_path, (str, os.PathLike)):
        raise ValueError(
            f"`name_or_path` must be the name of a preset or the path of its folder. Received: {name_or_path!r}"
        )
    if isinstance(name_or_path, str) and "://" in name_or_path:
        return _from_address(name_or_path, folders.max_bytes(max_bytes))
    name, folder = str(name_or_path), Path(name_or_path)
    is_released, bundled = name in registry.names(), checkpoints_folder() / name
    if is_released and (folder / CONFIG).is_file() and folder.resolve() != bundled.resolve():
        warnings.warn(
            f"The folder {name!r} in the working directory is ignored: {name!r} is the name of a released preset. To "
            f"load the folder, pass {'./' + name!r}.",
            stacklevel=4,
        )
    elif (folder / CONFIG).is_file() and not is_released:
        return _verified_by_its_metadata(folder)
    if folder.is_dir() and not is_released:
        raise PresetError(
            f"`name_or_path` must be a preset, but the folder has no {CONFIG}. Received: {name!r}"
        )

    files = registry.describe(name)["files"]
    if (bundled / CONFIG).is_file():
        if mismatch := folders.mismatch(bundled, files):
            raise PresetError(
                f"Preset {name!r}: {mismatch} Restore the folder, for example with `git checkout`."
            )
        return bundled
    return _installed(name, files) or _cached(name, files, bundled)


def metadata(name_or_path: str | os.PathLike) -> dict:
    """Returns the content of a preset's `metadata.json`, after verifying its files.

    Args:
        name_or_path: String or path; see `keras_genzoo.models.load`.

    Returns:
        Dictionary; see `metadata` of `PresetModel.save_to_preset`.

    Raises:
        PresetError, ValueError, OSError: See `keras_genzoo.models.load`.

    Example:

    ```python
    keras_genzoo.presets.metadata("dcgan_fashion_mnist")["results"]
    ```
    """
    return folders.read_json(resolve(name_or_path) / METADATA)


def checkpoints_folder() -> Path:
    """Returns the folder of the checkpoints of a checkout, which does not exist if installed from a wheel."""
    beside_the_package = Path(__file__).resolve().parents[2] / "checkpoints"
    return Path(os.environ.get("KERAS_GENZOO_CHECKPOINTS") or beside_the_package)


# The distribution built by `tools/build_checkpoints.py`: its name, and the name of its package.
DISTRIBUTION = "keras-genzoo-checkpoints"
PACKAGE = "keras_genzoo_checkpoints"


def _installed(name, files):
    """Returns the folder of a preset in the installed distribution of checkpoints, or None.

    Its files are smaller than the released ones. Its own registry has their hashes and those of the original weights.
    """
    try:
        found = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None
    package = Path(str(found.locate_file(PACKAGE)))
    entries = folders.read_json(package / registry.PATH.name)
    if name not in entries:
        return None
    mismatch = folders.mismatch(package / name, entries[name]["files"])
    if entries[name]["weights"] != files[WEIGHTS]["sha256"]:
        mismatch = f"the weights in {DISTRIBUTION} {found.version} differ from those of this version of keras_genzoo."
    if mismatch:
        raise PresetError(
            f"Preset {name!r}: {mismatch} Install the distribution of this version again: `pip install "
            f"--force-reinstall --no-deps {DISTRIBUTION}=={__version__}`."
        )
    return package / name


def _verified_by_its_metadata(folder):
    if mismatch := folders.mismatch(folder, _files_told(folder)):
        raise PresetError(f"{mismatch} Copy or save the preset again.")
    return folder


def _files_told(folder):
    """Returns the fingerprints of the files of a preset, from its metadata."""
    if not (folder / METADATA).is_file():
        raise PresetError(
            f"The folder {folder} has no {METADATA}, so its files cannot be verified. Copy the complete folder "
            "that `save_to_preset` has written."
        )
    try:
        told = folders.read_json(folder / METADATA)
        if "keras_version" in told and "files" not in told:
            raise ValueError("the model was saved by Keras: load it with `keras.saving.load_model`")
        files = told["files"]
        if strange := {*files} - FILES:
            raise ValueError(f"it lists {sorted(map(str, strange))}, which are not files of a preset")
        files = {name: files[name] for name in (CONFIG, WEIGHTS, *files)}
        if not all(isinstance(of["size"], int) and isinstance(of["sha256"], str) for of in files.values()):
            raise ValueError("sizes must be integers and hashes strings")
        return files
    except Exception as error:
        raise PresetError(
            f"{folder / METADATA} is damaged ({error!r}). Copy or save the preset again."
        ) from error


def _from_address(address, max_bytes):
    if address.startswith("hf://"):
        from keras_genzoo.presets import hub

        folder = hub.fetch(address, max_bytes)
        try:
            return _verified_by_its_metadata(folder)
        except PresetError as error:
            # The client of the Hub does not verify cached files.
            repository = folder.parents[1]
            raise PresetError(
                f"{address}: {error} If the file on the Hub is intact, delete {repository} to download it again."
            ) from error
    parts = urllib.parse.urlsplit(address)
    path, _, name = parts.path.rstrip("/").rpartition("/")
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not (is_safe and parts.hostname and name) or parts.query or parts.fragment or "@" in parts.netloc:
        # The message does not show the address, which may contain a password.
        raise ValueError(
            f"`name_or_path` must be hf://OWNER/REPOSITORY or https://HOST/PATH/NAME, without a user or a query "
            f"(http:// only for {' or '.join(LOOPBACK)}). Received an address of {parts.scheme}://{parts.hostname}. "
            "For a server that requires a password, set KERAS_GENZOO_BASE_URL."
        )
    base = f"{parts.scheme}://{parts.netloc}{path}"
    return _from_web(base, urllib.parse.unquote(name), max_bytes)


# The only hosts for plain http, which others could modify in transit.
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _from_web(base, name, max_bytes):
    """Returns the folder of a preset at an address, after downloading it unless the cache is up to date."""
    from keras_genzoo.presets import download

    digest = hashlib.sha256(f"{base}/{name}".encode()).hexdigest()[:16]
    folder = cache_folder() / "addresses" / f"{re.sub('[^A-Za-z0-9_-]', '_', name)}-{digest}"
    is_cached = (folder / METADATA).is_file()

    def load(files, target):
        # No retries if there are cached files.
        download.download(name, files, [base], target, "name_or_path", retries=0 if is_cached else None)

    with tempfile.TemporaryDirectory() as temporary:
        told = Path(temporary)
        try:
            load({METADATA: {"most": folders.MAX_JSON_BYTES}}, told)
        except ConnectionError as error:
            if not is_cached:
                raise
            warnings.warn(f"{error} Using the files of the last download.", RuntimeWarning, stacklevel=4)
            return _verified_by_its_metadata(folder)
        files = _files_told(told)
        files = {
            CONFIG: files[CONFIG],
            METADATA: folders.fingerprint(told / METADATA),
            WEIGHTS: files[WEIGHTS],
        }
    if not folders.mismatch(folder, files):
        return folder
    if (size := sum(of["size"] for of in files.values())) > max_bytes:
        raise PresetError(
            f"{base}/{name} has {size:,} bytes, more than the limit of {max_bytes:,}. If you trust it, raise the "
            f"limit with `max_bytes` or the environment variable {folders.MAX_BYTES_VARIABLE}."
        )
    return _replaced(folder, files, load)


def cache_folder() -> Path:
    """Returns the download cache, a folder in Keras' home folder."""
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    return Path(home).expanduser() / "keras_genzoo"


def _cached(name, files, bundled):
    folder = cache_folder() / name
    mirrors = os.environ.get("KERAS_GENZOO_BASE_URL", "").split()
    mismatch = folders.mismatch(folder, files)
    if not mismatch:
        return folder
    if mirrors:
        return _download(name, files, mirrors, folder)
    if folder.exists():
        raise PresetError(
            f"Preset {name!r}: {mismatch} Delete the folder {folder}, or set KERAS_GENZOO_BASE_URL to the "
            "address of a server with the presets to download it again."
        )
    raise FileNotFoundError(
        f"Preset {name!r} is not on this machine. Searched the folders {name}, {bundled} and {folder}, and the "
        f"distribution {DISTRIBUTION}. Do one of the following: run `pip install {DISTRIBUTION}`; use a checkout of "
        "the repository, which contains the presets; set KERAS_GENZOO_CHECKPOINTS to a folder with the presets, or "
        "KERAS_GENZOO_BASE_URL to the address of a server with them; or pass an address, hf://OWNER/REPOSITORY or "
        f"https://HOST/PATH/{name}, instead of the name."
    )


def _download(name, files, mirrors, folder):
    # Imported here: finding local presets does not need the HTTP client.
    from keras_genzoo.presets import download

    files = {each: files[each] for each in LOADED}
    return _replaced(folder, files, lambda files, fresh: download.download(name, files, mirrors, fresh))


def _replaced(folder, files, load):
    """Replaces a folder of the cache by a new one, to which `load(files, fresh)` writes the files; returns it."""
    hint = "Set KERAS_HOME to a writable folder."
    with disk.unfinished_folder(folder, hint) as fresh:
        load(files, fresh)
        try:
            os.replace(fresh, folder)
        except OSError:
            # There is either an old or damaged copy, or an intact copy by a process that was faster.
            if folders.mismatch(folder, files):
                disk.replace_folder(folder, fresh)
    return folder
