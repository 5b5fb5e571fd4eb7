"""Presets as model repositories of the Hugging Face Hub, by its own client."""

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

# The first ability that a model has says what the Hub calls its task.
TASKS = {
    "translate": "image-to-image",
    "sample": "unconditional-image-generation",
    "predict_features": "image-classification",
}
# Names of licenses, as in "MIT" or "CC BY-SA 3.0", in the Hub's spelling.
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
    """Downloads a preset from the Hub into its client's cache.

    Args:
        address: String, `hf://OWNER/REPOSITORY` or `hf://OWNER/REPOSITORY@REVISION`.
        max_bytes: Integer, the most that its files may have together.

    Returns:
        `pathlib.Path` of the folder, whose files are not checked yet. Without a network that of the last download.

    Raises:
        ValueError: If the address is none.
        PresetError: If the repository holds no preset, or one that is too large.
        ImportError: If `huggingface_hub` is not installed.
        OSError: If the repository cannot be read, or is not on this machine and the Hub cannot be reached.
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
            # Neither is the Hub reached: what is in the cache.
            files = None
        if files is not None:
            _check_files(address, {file.filename: file.file_size for file in files}, max_bytes)
            # The files that were checked, should a branch move meanwhile.
            arguments["revision"] = files[0].commit_hash
        return Path(client.snapshot_download(repository, **arguments))
    except errors.RevisionNotFoundError:
        raise FileNotFoundError(f"{address} has no revision {revision!r}.") from None
    except (errors.GatedRepoError, errors.RepositoryNotFoundError):
        raise FileNotFoundError(
            f"{address} is no model repository that can be read. Check its name; where it is private or gated, log "
            "in with `hf auth login` or set HF_TOKEN."
        ) from None
    except errors.LocalEntryNotFoundError as error:
        raise ConnectionError(
            f"{address} is not on this machine, and the Hub cannot be reached ({_first_line(error)}). Load it once "
            "with a network, and without HF_HUB_OFFLINE."
        ) from None


def push(
    folder: Path,
    address: str,
    abilities: Collection[str] = (),
    private: bool | None = None,
    token: str | None = None,
) -> str:
    """Uploads the folder of a preset to the Hub, its card with the data that the Hub reads.

    Args:
        folder: `pathlib.Path` of a preset; its card is written anew.
        address: String, `hf://OWNER/REPOSITORY`. The repository is made if there is none.
        abilities: Names of the methods by which the model is used.
        private: Boolean, whether a new repository is private, or `None` for the owner's default.
        token: String, a token with the right to write, or `None` for that of `hf auth login` or `HF_TOKEN`.

    Returns:
        String, the address of what was uploaded, with its revision.

    Raises:
        ValueError: If the address is none, or has a revision.
        ImportError: If `huggingface_hub` is not installed.
        OSError: If the Hub cannot be reached, or refuses.
    """
    repository, revision = parsed(address)
    if revision is not None:
        raise ValueError(
            f"`address` must have no revision: the upload makes one. Received: {address!r}. Leave out '@{revision}'."
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
    """Writes the card of a preset's folder as the Hub wants it, with its metadata as YAML in front."""
    metadata = folders.read_json(folder / METADATA)
    front = _front_matter(metadata, abilities).to_yaml()
    disk.write_text(folder / CARD, f"---\n{front}\n---\n\n{card.render(metadata, address)}")


def parsed(address: str) -> tuple[str, str | None]:
    """The repository and the revision of an address."""
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
            raise PresetError(f"{address} holds no preset: {name} is missing.")
    if (size := sum(sizes.values())) > max_bytes:
        raise PresetError(
            f"{address} has {size:,} bytes, more than {max_bytes:,}. If you trust it, raise the limit by `max_bytes` "
            "or the variable KERAS_GENZOO_MAX_BYTES."
        )


def _front_matter(metadata, abilities):
    """`ModelCardData` of a preset's metadata."""
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
    """The Hub's name of a license, whose text begins with its name: "MIT, keeping the notice of ..."."""
    if not text:
        return {}
    slug = re.sub(r"\s+", "-", re.split(r"[,.;]\s", text)[0].strip().rstrip(".").lower())
    if slug in LICENSES:
        return {"license": slug}
    return {"license": "other", "license_name": slug, "license_link": CARD}


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]


def _no_bar():
    """The class of a progress bar that is not shown, as for other downloads."""
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
            "Addresses that begin with hf:// need huggingface_hub. Install it with `pip install 'keras_genzoo[hub]'`."
        ) from None
    return huggingface_hub
