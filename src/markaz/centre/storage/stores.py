"""Stores for contents too large for the database: files, or an S3-compatible service."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from markaz.centre.services import Store
from markaz.centre.settings import Settings


class FileStore:
    """Contents in files named by their SHA-256, two levels deep, durable when ``put`` returns."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, digest: str, data: bytes) -> None:
        """Write beside, fsync, rename: a crash leaves the whole contents or none."""
        path = self._path(digest)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}")
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)

    def get(self, digest: str) -> bytes:
        """The contents. Raises KeyError if they are not there."""
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError:
            raise KeyError(digest) from None

    def delete(self, digest: str) -> None:
        """Forget them."""
        self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest[2:4] / digest


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_store(settings: Settings) -> Store:
    """The store that the settings name."""
    return FileStore(settings.data / "store")
