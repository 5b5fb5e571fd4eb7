"""Data sets that tensorflow-datasets prepares, of their original files where they are on disk."""

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
    """Images and labels of a data set that has the same name in tensorflow-datasets; `make` of its `Info`."""
    return prepare(dataset, split, original_files(dataset, data_dir))


def original_files(dataset, data_dir):
    """The folder that holds the original files, or None to download them."""
    given = data_dir or os.environ.get("KERAS_GENZOO_DATA_DIR")
    if not given:
        return None
    given = pathlib.Path(given).expanduser()
    for folder in (given / dataset.name, given):
        if all((folder / file).is_file() for file in dataset.files):
            return folder
    if data_dir:
        raise ValueError(
            f"`data_dir` must hold the original files of {dataset.name!r} ({', '.join(dataset.files)}), or a folder "
            f"{dataset.name!r} that does. Received data_dir={str(data_dir)!r}. Leave it out to download them."
        )
    return None


def prepare(dataset, split, folder):
    """Prepares the data set of the files in the folder, of downloaded ones if it is None, and reads a split."""
    name = dataset.name
    tfds = pipeline.require("tensorflow_datasets")
    tfds.disable_progress_bar()
    builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
    try:
        if folder is None and not builder.is_prepared():
            _check_connection(builder)
        # TFDS names what it unpacks after the file alone and reuses it: MNIST's files, unpacked in a common
        # folder, would be taken for Fashion-MNIST's.
        with tempfile.TemporaryDirectory() as extract_dir:
            # Never the copies already prepared in the cloud: everybody's examples come in the same order.
            config = tfds.download.DownloadConfig(
                manual_dir=folder, extract_dir=extract_dir, try_download_gcs=False
            )
            builder.download_and_prepare(download_config=config)
    except OSError as error:
        # Of several processes that prepare at once the first to end is taken.
        builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
        if not builder.is_prepared():
            raise ConnectionError(
                f"Could not prepare {name!r}: {error}. Where it cannot be downloaded, put its original files "
                f"({', '.join(dataset.files)}) in a folder and pass `data_dir`, or set "
                "KERAS_GENZOO_DATA_DIR to it."
            ) from error
    except tfds.core.download.download_manager.NonMatchingChecksumError as error:
        # MNIST and Fashion-MNIST name their files alike.
        raise ValueError(
            f"`data_dir` must hold the original files of {name!r}. Those in {str(folder)!r} are others or "
            f"damaged. {error}"
        ) from error
    images, labels = tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1, as_supervised=True))
    return images, labels.astype("int32")


def _check_connection(builder):
    """Raises an OSError within seconds where the data set's host cannot be reached; TFDS tries for minutes."""
    downloads = pathlib.Path(builder.data_dir).parents[1] / "downloads"
    if any(downloads.rglob("*.gz")):
        return  # What an earlier call has downloaded may be all that is needed.
    outcome = queue.Queue()

    def connect():
        request = urllib.request.Request(next(iter(builder.url_infos)), method="HEAD")
        try:
            # Its own opener: the common one keeps the proxies of its first use.
            urllib.request.build_opener().open(request, timeout=_CONNECTION_TIMEOUT).close()
        except urllib.error.HTTPError:
            outcome.put(None)  # It answers.
        except OSError as error:
            outcome.put(error)
        else:
            outcome.put(None)

    # In a thread, as no timeout bounds the search for the host's address.
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
