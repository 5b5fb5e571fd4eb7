"""Presets as model repositories of the Hugging Face Hub."""

import importlib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from keras_genzoo import disk
from keras_genzoo._version import __version__
from keras_genzoo.presets import card, folders
from keras_genzoo.presets.folders import CARD, FILES, LOADED, METADATA, PresetError

PREFIX = "hf://"
_ADDRESS = re.compile(r"hf://(?P<repository>[^/@\s]+/[^/@\s]+?)/?(?:@(?P<revision>[^@\s]+))?")

# Ability -> the Hub's name of the task. The first ability of a model counts.
TASKS = {
    "translate": "image-to-image",
    "sample": "unconditional-image-generation",
    "predict_features": "image-classification",
}
# Names of licenses, such as "MIT" or "CC BY-SA 3.0" -> the Hub's identifiers.
LICENSES = {
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "gpl-3.0", "lgpl-3.0", "openrail", "unlicense"),
    *("cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
}
DATASETS = {
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "fashion_mnist_padded": "zalando-datasets/fashion_mnist",
}


def fetch(address: str, max_bytes: int) -> Path:
    """Downloads a preset from the Hub into the cache of its client.

    Args:
        address: String, `hf://OWNER/REPOSITORY` or `hf://OWNER/REPOSITORY@REVISION`.
        max_bytes: Integer, maximum total size of the files.

    Returns:
        `pathlib.Path` of the folder. Its files are not verified yet. Without a network, the folder of the last
        download.

    Raises:
        ValueError: If the address is invalid.
        PresetError: If the repository does not contain a preset, or is too large.
        ImportError: If `huggingface_hub` is not installed.
        OSError: If the repository cannot be read, or is not in the cache and the Hub cannot be reached.
    """
    repository, revision = parsed(address)
    client = _client()
    errors = importlib.import_module("huggingface_hub.errors")
    arguments = {
        "revision": revision,
        "allow_patterns": list(LOADED),
        "library_name": "keras_genzoo",
        "library_version": __version__,
        "tqdm_class": _no_bar(),
    }
    try:
        try:
            files = client.snapshot_download(repository, dry_run=True, **arguments)
        except errors.DryRunError:
            # The Hub cannot be reached: the cached files are used.
            files = None
        if files is not None:
            _check_files(address, {file.filename: file.file_size for file in files}, max_bytes)
            # The commit that was checked, in case the branch has moved.
            arguments["revision"] = files[0].commit_hash
        return Path(client.snapshot_download(repository, **arguments))
    except errors.RevisionNotFoundError:
        raise FileNotFoundError(f"{address} has no revision {revision!r}.") from None
    except (errors.GatedRepoError, errors.RepositoryNotFoundError):
        raise FileNotFoundError(
            f"{address} does not exist or cannot be read. Check the name. If the repository is private or gated, log "
            "in with `hf auth login` or set HF_TOKEN."
        ) from None
    except errors.LocalEntryNotFoundError as error:
        raise ConnectionError(
            f"{address} is not in the cache, and the Hub cannot be reached ({_first_line(error)}). Load it once "
            "with a network connection and without HF_HUB_OFFLINE."
        ) from None


def push(
    folder: Path,
    address: str,
    abilities: Collection[str] = (),
    private: bool | None = None,
    token: str | None = None,
) -> str:
    """Uploads the folder of a preset to the Hub, with a card that contains the metadata of the Hub.

    Args:
        folder: `pathlib.Path` of a preset. Its card is overwritten.
        address: String, `hf://OWNER/REPOSITORY`. The repository is created if necessary.
        abilities: Names of the abilities of the model.
        private: Boolean, whether a new repository is private, or `None` for the owner's default.
        token: String, a token with write access, or `None` for that of `hf auth login` or `HF_TOKEN`.

    Returns:
        String, the address of the upload, including its revision.

    Raises:
        ValueError: If the address is invalid or has a revision.
        ImportError: If `huggingface_hub` is not installed.
        OSError: If the Hub cannot be reached, or denies access.
    """
    repository, revision = parsed(address)
    if revision is not None:
        raise ValueError(
            f"`address` must not have a revision: the upload creates one. Received: {address!r}. "
            f"Leave out '@{revision}'."
        )
    write_card(folder, address, abilities)
    api = _client().HfApi(token=token, library_name="keras_genzoo", library_version=__version__)
    api.create_repo(repository, private=private, exist_ok=True)
    name = folders.read_json(folder / METADATA)["name"]
    commit = api.upload_folder(
        repo_id=repository,
        folder_path=folder,
        allow_patterns=sorted(FILES),
        commit_message=f"{name}, saved by keras_genzoo {__version__}",
    )
    return f"{PREFIX}{repository}@{commit.oid}"


def write_card(folder: Path, address: str, abilities: Collection[str] = ()) -> None:
    """Writes the card of a preset's folder for the Hub, with metadata as YAML front matter."""
    metadata = folders.read_json(folder / METADATA)
    front = _front_matter(metadata, abilities).to_yaml()
    disk.write_text(folder / CARD, f"---\n{front}\n---\n\n{card.render(metadata, address)}")


def parsed(address: str) -> tuple[str, str | None]:
    """Returns the repository and the revision of an address."""
    match = _ADDRESS.fullmatch(address)
    if not match:
        raise ValueError(
            f"An address of the Hub must be hf://OWNER/REPOSITORY or hf://OWNER/REPOSITORY@REVISION. Received: "
            f"{address!r}"
        )
    return match["repository"], match["revision"]


def _check_files(address, sizes, max_bytes):
    for name in LOADED:
        if name not in sizes:
            raise PresetError(f"{address} is not a preset: {name} is missing.")
    if (size := sum(sizes.values())) > max_bytes:
        raise PresetError(
            f"{address} has {size:,} bytes, more than the limit of {max_bytes:,}. If you trust it, raise the limit "
            "with `max_bytes` or the environment variable KERAS_GENZOO_MAX_BYTES."
        )


def _front_matter(metadata, abilities):
    """Returns the `ModelCardData` of a preset's metadata."""
    client = _client()
    task = next((TASKS[ability] for ability in TASKS if ability in abilities), None)
    dataset = metadata.get("dataset", {}).get("name")
    return client.ModelCardData(
        model_name=metadata["name"],
        library_name="keras_genzoo",
        pipeline_tag=task,
        tags=["keras", metadata["class"]],
        datasets=[DATASETS[dataset]] if dataset in DATASETS else None,
        eval_results=[
            _eval_result(client, result, task, dataset) for result in metadata.get("results", []) if task
        ]
        or None,
        **_license(metadata.get("license")),
    )


def _eval_result(client, result, task, dataset):
    protocol = result["protocol"]
    protocol = dict(protocol) if isinstance(protocol, dict) else {"protocol": protocol}
    dataset = protocol.pop("dataset", dataset) or "unknown"
    return client.EvalResult(
        task_type=task,
        dataset_type=DATASETS.get(dataset, dataset),
        dataset_name=dataset,
        dataset_split=protocol.pop("split", None),
        metric_type=result["metric"],
        metric_value=result["value"],
        metric_args=protocol,
    )


def _license(text):
    """Returns the Hub's identifier of a license text that begins with a name: "MIT, keeping the notice of ..."."""
    if not text:
        return {}
    slug = re.sub(r"\s+", "-", re.split(r"[,.;]\s", text)[0].strip().rstrip(".").lower())
    if slug in LICENSES:
        return {"license": slug}
    return {"license": "other", "license_name": slug, "license_link": CARD}


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]


def _no_bar():
    """Returns a progress bar class that shows nothing, as for other downloads."""
    from tqdm.auto import tqdm

    class NoBar(tqdm):
        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, **{**keywords, "disable": True})

    return NoBar


def _client() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise ImportError(
            "Addresses that begin with hf:// require huggingface_hub. "
            "Install it with `pip install 'keras_genzoo[hub]'`."
        ) from None
    return huggingface_hub
