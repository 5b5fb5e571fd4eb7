"""Files and folders that are whole at every instant: written beside their place, synced to the disk, and moved there.

A process that is killed leaves the old file or the new one, and at most something whose name begins with
`.unfinished-`, which the next one that writes to the same place removes.
"""

import contextlib
import ctypes
import errno
import glob
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import filelock

UNFINISHED = ".unfinished-"
_LOCK = ".lock"


@contextlib.contextmanager
def written(path: str | os.PathLike) -> Iterator[Path]:
    """Yields the path of a temporary file beside `path`, which takes its place where the block ends well.

    Where the block fails the temporary file is deleted, and `path` stays what it was.

    Args:
        path: String or path of the file. The temporary file has the same suffixes.

    Raises:
        OSError: If the file cannot be written, for example since the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f"{UNFINISHED}{uuid.uuid4().hex[:12]}-{path.name}")
    try:
        with no_room_told(path, temporary):
            yield temporary
            move(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def no_room_told(path: str | os.PathLike, unfinished: Path | None = None) -> Iterator[None]:
    """Inside, the errors by which libraries say that a disk is full become one `OSError` that names the path.

    Args:
        path: String or path of what is to be.
        unfinished: `pathlib.Path` of the temporary file or folder that is written inside, to be deleted, or None.
    """
    try:
        yield
    # HDF5 raises either.
    except (OSError, RuntimeError) as error:
        if is_full(error):
            if unfinished:
                _give_room_back(unfinished)
            raise OSError(errno.ENOSPC, "No space left on the disk", os.fspath(path)) from error
        raise


def _give_room_back(unfinished: Path) -> None:
    """Empties the files that were being written.

    HDF5 keeps a file open whose last bytes found no room. It tries again when Python ends, and crashes where that
    fails.
    """
    for file in unfinished.rglob("*") if unfinished.is_dir() else [unfinished]:
        with contextlib.suppress(OSError):
            if file.is_file() and not file.is_symlink():
                os.truncate(file, 0)


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk, or what a user may write to it, is full."""
    text = str(error)
    return getattr(error, "errno", None) in _FULL or any(f"errno = {number}," in text for number in _FULL)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def move(source: Path, target: Path) -> None:
    """Moves a complete file to its place, once its content is on the disk."""
    sync(source)
    os.replace(source, target)
    sync(target.parent)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file as a whole, with the same line ending on every system: such files are hashed."""
    with written(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def free_folder(argument: str, path: str | os.PathLike) -> Path:
    """Returns the absolute path of a folder to be; refuses one that holds anything, and files.

    Args:
        argument: String, name of the argument, for the message.
        path: String or path.

    Raises:
        FileExistsError: If there is a file, or a folder that is not empty.
    """
    target = Path(path).resolve()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise FileExistsError(
            f"`{argument}` already exists. Received: {argument}={str(path)!r}. Choose another folder, or remove what "
            "is there."
        )
    return target


@contextlib.contextmanager
def unfinished_folder(target: Path, hint: str) -> Iterator[Path]:
    """Yields an empty folder beside `target`, on the same disk, to be moved there by `replace_folder`.

    Whatever is still in it when the block ends, well or not, is deleted. What killed processes left for the same
    target goes when a block ends well.

    Args:
        target: `pathlib.Path` of the folder to be.
        hint: String, what to do where nothing can be written, for the message.
    """
    folder = target.with_name(f"{UNFINISHED}{uuid.uuid4().hex[:12]}-{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Taken before there is a folder, so that a folder whose lock is free has no process any more.
        lock = _lock_of(folder)
        lock.acquire()
    except OSError as error:
        reason = f"Cannot write the folder {target}: {error.strerror}. {hint}"
        raise OSError(error.errno, reason) from error
    try:
        with no_room_told(target, folder):
            folder.mkdir()
            yield folder
        _remove_unfinished_of(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _release(lock)


def replace_folder(target: Path, fresh: Path) -> None:
    """Moves the complete folder `fresh` to `target`; at every instant there is the old folder or the new one.

    Only where the system cannot exchange two folders in one step (Windows, some network file systems), `target` is
    missing for a moment, and the old folder lies beside it.
    """
    for path in (*fresh.rglob("*"), fresh):
        sync(path)
    if not target.exists():
        os.replace(fresh, target)
    elif not _exchanged(fresh, target):
        retired = fresh.with_name(f"{fresh.name}-retired")
        os.replace(target, retired)
        try:
            os.replace(fresh, target)
        except OSError:
            os.replace(retired, target)
            raise
        shutil.rmtree(retired, ignore_errors=True)
    sync(target.parent)


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    if os.name == "nt" and path.is_dir():
        return
    # Windows syncs only what may be written to.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems of a network cannot sync folders.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)


def remove_unfinished(folder: Path) -> None:
    """Deletes what killed processes left in a folder that no other process writes to."""
    for path in folder.glob(f"{UNFINISHED}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Creates a folder that no other process may use meanwhile. If it is empty at the end it is removed.

    Raises:
        BlockingIOError: If another process uses it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise BlockingIOError(
            f"The folder {str(folder)!r} is in use by another process. Wait until it ends, or choose another folder."
        ) from None
    try:
        yield
    finally:
        _release(lock)
        with contextlib.suppress(OSError):
            folder.rmdir()


def _lock_of(folder):
    return filelock.FileLock(folder.with_name(f"{folder.name}{_LOCK}"), timeout=0)


def _release(lock):
    # While it is held, so that nobody's new lock is deleted.
    with contextlib.suppress(OSError):
        os.unlink(lock.lock_file)
    lock.release()


def _remove_unfinished_of(target):
    for path in target.parent.glob(f"{UNFINISHED}*-{glob.escape(target.name)}{_LOCK}"):
        folder = path.with_name(path.name.removesuffix(_LOCK))
        lock = _lock_of(folder)
        with contextlib.suppress(filelock.Timeout, OSError):
            lock.acquire()
            shutil.rmtree(folder, ignore_errors=True)
            _release(lock)


def _exchanged(first, second):
    """Exchanges the names of two folders in one step; returns False where the system cannot."""
    arguments = (os.fsencode(first), os.fsencode(second))
    if sys.platform == "linux":
        function, arguments = "renameat2", (_HERE, arguments[0], _HERE, arguments[1], _RENAME_EXCHANGE)
    elif sys.platform == "darwin":
        function, arguments = "renamex_np", (*arguments, _RENAME_SWAP)
    else:
        return False
    with contextlib.suppress(AttributeError):
        return getattr(ctypes.CDLL(None), function)(*arguments) == 0
    return False


# Of linux/fs.h and fcntl.h, and of macOS' sys/stdio.h.
_HERE, _RENAME_EXCHANGE, _RENAME_SWAP = -100, 2, 2
