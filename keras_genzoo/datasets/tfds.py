"""Datasets prepared by tensorflow-datasets, from local original files if there are any."""

import os
import pathlib
import queue
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

from keras_genzoo.datasets import pipeline


def arrays(dataset, split, data_dir, image_size):
    """Returns images and labels of a dataset with the same name in tensorflow-datasets; `make` of its `Info`."""
    return prepare(dataset, split, original_files(dataset, data_dir))


def original_files(dataset, data_dir):
    """Returns the folder with the original files, or None to download them."""
    given = data_dir or os.environ.get("KERAS_GENZOO_DATA_DIR")
    if not given:
        return None
    given = pathlib.Path(given).expanduser()
    for folder in (given / dataset.name, given):
        if all((folder / file).is_file() for file in dataset.files):
            return folder
    if data_dir:
        raise ValueError(
            f"`data_dir` must contain the original files of {dataset.name!r} ({', '.join(dataset.files)}), directly "
            f"or in a subfolder {dataset.name!r}. Received data_dir={str(data_dir)!r}. Leave it out to download them."
        )
    return None


def prepare(dataset, split, folder):
    """Prepares the dataset from the files in the folder, or from downloaded ones if it is None; reads a split."""
    name = dataset.name
    tfds = pipeline.require("tensorflow_datasets")
    tfds.disable_progress_bar()
    builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
    try:
        if folder is None and not builder.is_prepared():
            _check_connection(builder)
        # TFDS caches extracted files by file name only: in a shared folder, the files of MNIST would be used for
        # Fashion-MNIST, whose files have the same names.
        with tempfile.TemporaryDirectory() as extract_dir:
            # Copies prepared in the cloud may have another order: they are not used.
            config = tfds.download.DownloadConfig(
                manual_dir=folder, extract_dir=extract_dir, try_download_gcs=False
            )
            builder.download_and_prepare(download_config=config)
    except OSError as error:
        # If several processes prepare the dataset at the same time, the first one to finish wins.
        builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
        if not builder.is_prepared():
            raise ConnectionError(
                f"Could not prepare {name!r}: {error}. If it cannot be downloaded, put its original files "
                f"({', '.join(dataset.files)}) in a folder and pass it as `data_dir`, or set the environment "
                "variable KERAS_GENZOO_DATA_DIR to it."
            ) from error
    except tfds.core.download.download_manager.NonMatchingChecksumError as error:
        # The files of MNIST and Fashion-MNIST have the same names.
        raise ValueError(
            f"`data_dir` must contain the original files of {name!r}. Those in {str(folder)!r} are damaged or belong "
            f"to another dataset. {error}"
        ) from error
    images, labels = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1, as_supervised=True))
    return images, labels.astype("int32")


def _check_connection(builder):
    """Raises an OSError within seconds if the dataset's host cannot be reached; TFDS would try for minutes."""
    downloads = pathlib.Path(builder.data_dir).parents[1] / "downloads"
    if any(downloads.rglob("*.gz")):
        return  # The files may have been downloaded by an earlier call.
    outcome = queue.Queue()

    def connect():
        request = urllib.request.Request(next(iter(builder.url_infos)), method="HEAD")
        try:
            # A new opener: the global one keeps the proxies of its first use.
            urllib.request.build_opener().open(request, timeout=_CONNECTION_TIMEOUT).close()
        except urllib.error.HTTPError:
            outcome.put(None)  # The host responds.
        except OSError as error:
            outcome.put(error)
        else:
            outcome.put(None)

    # In a thread, because the timeout does not apply to the DNS lookup.
    threading.Thread(target=connect, daemon=True).start()
    try:
        error = outcome.get(timeout=_CONNECTION_TIMEOUT + 1)
    except queue.Empty:
        error = TimeoutError("timed out")
    if error is not None:
        host = urllib.parse.urlsplit(next(iter(builder.url_infos))).netloc
        raise OSError(f"{host} cannot be reached ({error})") from error


# Seconds.
_CONNECTION_TIMEOUT = 3
