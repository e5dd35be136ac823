"""The blocking half of the file backend: what its threads do with the file system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from shared.blobs import BlobInfo, BlobNotFound, BlobUnavailable, RangeNotSatisfiable

COPY_BYTES = 4 * 1024 * 1024
PIECES = 1000
"""The system writes at most 1024 at once."""

RENAME_ATTEMPTS = 10
"""Somebody may remove an empty folder between our making it and our renaming a file into it."""


@contextmanager
def available(root: Path) -> Iterator[None]:
    """Errors of the file system become those of a blob store."""
    try:
        yield
    except OSError as error:
        raise BlobUnavailable(f"The blob folder {root} does not serve: {error.strerror}; check its disk and rights.") from error


@contextmanager
def existing(root: Path, key: str) -> Iterator[None]:
    """The same for reading a blob, which may be missing."""
    try:
        with available(root):
            yield
    except BlobUnavailable as error:
        if isinstance(error.__cause__, FileNotFoundError | IsADirectoryError | NotADirectoryError):
            raise BlobNotFound(f"There is no blob {key}.") from error.__cause__
        raise


def create(path: Path) -> BinaryIO:
    """A new file for bytes that are no blob yet, readable by nobody else."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)


def reopen(path: Path, size: int) -> BinaryIO:
    """A file that grows, cut to the bytes that count; made when there are none yet. Raises `FileNotFoundError` when some
    are missing."""
    flags = os.O_RDWR if size else os.O_RDWR | os.O_CREAT
    file = os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)
    try:
        if file.seek(0, os.SEEK_END) < size:
            raise FileNotFoundError(path)
        file.truncate(size)
        file.seek(size)
    except BaseException:
        file.close()
        raise
    return file


def keep(file: BinaryIO) -> None:
    """Make what was written survive a power cut."""
    os.fsync(file.fileno())


def append(file: BinaryIO, chunks: Sequence[bytes]) -> None:
    """Write chunks at the end, without copying them into one."""
    for first in range(0, len(chunks), PIECES):
        pieces = chunks[first : first + PIECES]
        written = os.writev(file.fileno(), pieces)
        if written < sum(map(len, pieces)):
            # The disk is nearly full: go on until the system says so.
            rest = memoryview(b"".join(pieces))[written:]
            while rest:
                rest = rest[os.write(file.fileno(), rest) :]


def finish(file: BinaryIO, path: Path, root: Path, key: str) -> None:
    """Make the file the blob of this key; when this returns, a power cut cannot undo it."""
    os.fsync(file.fileno())
    file.close()
    target = root / key
    for attempt in range(1, RENAME_ATTEMPTS + 1):
        try:
            _make_folders(target.parent)
            path.replace(target)
            break
        except FileNotFoundError:
            if attempt == RENAME_ATTEMPTS or not path.exists():
                raise
    with suppress(FileNotFoundError):  # somebody has removed the blob since, and the folder that it left empty
        _sync(target.parent)


def throw_away(file: BinaryIO, path: Path) -> None:
    """Remove a file that never became a blob."""
    with suppress(OSError):
        file.close()
    path.unlink(missing_ok=True)


def inspect(key: str, path: Path) -> BlobInfo:
    """What the file says about the blob. Raises `FileNotFoundError`."""
    state = path.stat()
    if not S_ISREG(state.st_mode):
        raise FileNotFoundError(path)
    return BlobInfo(key=key, size=state.st_size, etag=f"{state.st_mtime_ns:x}-{state.st_ino:x}-{state.st_size:x}")


def seek(file: BinaryIO, key: str, start: int, end: int | None) -> int:
    """Go to `start`; returns how many bytes there are from there to `end`."""
    size = os.fstat(file.fileno()).st_size
    if start and start >= size:
        raise RangeNotSatisfiable(f"The blob {key} has {size} bytes; byte {start} is beyond its end.")
    file.seek(start)
    return (size if end is None else min(end, size)) - start


def copy_piece(source: BinaryIO, target: BinaryIO) -> int:
    """Copy the next bytes; returns how many, 0 at the end."""
    return target.write(source.read(COPY_BYTES))


def walk(root: Path, prefix: str) -> Iterator[BlobInfo]:
    """The blobs whose key starts with `prefix`, in the order of their keys."""
    start, slash, _ = prefix.rpartition("/")
    return (info for info in _walk(root, start + slash) if info.key.startswith(prefix))


def remove(root: Path, path: Path) -> None:
    """Remove a file and the folders that it leaves empty."""
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        path.unlink()
        _prune(root, path.parent)


def remove_tree(root: Path, path: Path) -> int:
    """Remove a folder with all it holds; returns how many files that were."""
    count = sum(len(files) for _, _, files in os.walk(path))
    with suppress(FileNotFoundError):
        shutil.rmtree(path)
        _prune(root, path.parent)
    return count


def sweep(folder: Path, before: float, kept: Collection[str]) -> int:
    """Remove the files that were last written before this time, but those to keep, by their name's first two parts; returns how
    many."""
    count = 0
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if ".".join(path.name.split(".")[:2]) not in kept and path.stat().st_mtime < before:
                path.unlink()
                count += 1
    return count


def try_to_write(path: Path) -> None:
    """Raise `OSError` when the disk is full, read-only or gone."""
    try:
        path.write_bytes(bytes(4096))
    finally:
        path.unlink(missing_ok=True)


def _walk(root: Path, folder: str) -> Iterator[BlobInfo]:
    for order, entry in sorted(_entries(root / folder)):
        key = folder + entry
        if order.endswith("/"):
            yield from _walk(root, f"{key}/")
        else:
            with suppress(FileNotFoundError):
                yield inspect(key, root / key)


def _entries(folder: Path) -> Iterator[tuple[str, str]]:
    """Names in a folder, each after the text it is sorted by: a subfolder sorts as its keys do."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                yield (f"{entry.name}/" if entry.is_dir() else entry.name), entry.name


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync(folder.parent)


def _prune(root: Path, folder: Path) -> None:
    """Remove folders upwards while they are empty, and make what was removed stay so."""
    while folder != root:
        try:
            folder.rmdir()
        except OSError:
            break
        folder = folder.parent
    with suppress(FileNotFoundError):
        _sync(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
