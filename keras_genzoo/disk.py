"""Atomic writing of files and folders: written to a temporary name, synced to the disk, and renamed.

If a process is killed, either the old or the new version exists, and possibly a temporary file or folder whose name
begins with `.unfinished-`. The next process that writes to the same path removes it.
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
    """Context manager that yields the path of a temporary file, which replaces `path` if the block succeeds.

    If the block fails, the temporary file is deleted, and `path` is unchanged.

    Args:
        path: String or path of the file. The temporary file is in the same folder, with the same suffixes.

    Raises:
        OSError: If the file cannot be written, for example because the disk is full.
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
    """Context manager that converts the errors of libraries for a full disk to an `OSError` that names the path.

    Args:
        path: String or path of the file or folder to be written.
        unfinished: `pathlib.Path` of the temporary file or folder written inside, to be emptied, or None.
    """
    try:
        yield
    # HDF5 raises both.
    except (OSError, RuntimeError) as error:
        if is_full(error):
            if unfinished:
                _give_room_back(unfinished)
            raise OSError(errno.ENOSPC, "No space left on the disk", os.fspath(path)) from error
        raise


def _give_room_back(unfinished: Path) -> None:
    """Truncates the files that were being written.

    HDF5 keeps a file open if its last bytes could not be written. It tries again when Python exits, and crashes if
    that fails.
    """
    for file in unfinished.rglob("*") if unfinished.is_dir() else [unfinished]:
        with contextlib.suppress(OSError):
            if file.is_file() and not file.is_symlink():
                os.truncate(file, 0)


def is_full(error: BaseException) -> bool:
    """Returns whether an error means that a disk is full or a quota is exceeded."""
    text = str(error)
    return getattr(error, "errno", None) in _FULL or any(f"errno = {number}," in text for number in _FULL)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def move(source: Path, target: Path) -> None:
    """Moves a complete file to its final path, after syncing its content to the disk."""
    sync(source)
    os.replace(source, target)
    sync(target.parent)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file atomically, with the same line endings on all systems, because such files are hashed."""
    with written(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def free_folder(argument: str, path: str | os.PathLike) -> Path:
    """Returns the absolute path of a folder to be created. It may exist if it is empty.

    Args:
        argument: String, name of the argument, for the error message.
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
    """Context manager that yields an empty folder on the same disk as `target`, for `replace_folder`.

    The folder is deleted at the end of the block. If the block succeeds, folders that killed processes left for the
    same target are deleted too.

    Args:
        target: `pathlib.Path` of the folder to be created.
        hint: String, what to do if the folder cannot be written, for the error message.
    """
    folder = target.with_name(f"{UNFINISHED}{uuid.uuid4().hex[:12]}-{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Locked before the folder is created: if the lock of a folder is free, its process has ended.
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
    """Replaces the folder `target` by the complete folder `fresh`, atomically.

    If the system cannot exchange two folders in one step (Windows, some network file systems), `target` is missing
    for a moment, and the old folder has another name.
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
    """Waits until a file, or the names in a folder, are written to the disk."""
    if os.name == "nt" and path.is_dir():
        return
    # Windows can only sync files opened for writing.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync folders.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)


def remove_unfinished(folder: Path) -> None:
    """Deletes the temporary files of killed processes in a folder that no other process writes to."""
    for path in folder.glob(f"{UNFINISHED}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Context manager that creates a folder and locks it. If the folder is empty at the end, it is removed.

    Raises:
        BlockingIOError: If another process uses the folder.
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
    # Deleted while the lock is held, so that a new lock of another process is not deleted.
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
    """Exchanges the names of two folders in one step; returns False if the system does not support it."""
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


# Constants of linux/fs.h and fcntl.h, and of sys/stdio.h of macOS.
_HERE, _RENAME_EXCHANGE, _RENAME_SWAP = -100, 2, 2
