"""Stores for contents too large for the database: files, or an S3-compatible service."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from markaz.centre.errors import invalid
from markaz.centre.services import Store
from markaz.centre.settings import Settings

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class FileStore:
    """Contents in files named by their SHA-256, two levels deep, durable when ``put`` returns."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, digest: str, data: bytes) -> None:
        """Write beside, fsync, rename: a crash leaves the whole contents or none.

        Contents that are there already are written again, so that nobody can measure that
        somebody else keeps them.
        """
        path = self._path(digest)
        new = not path.parent.is_dir()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}")
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        for folder in (path.parent, path.parent.parent, self._root)[: 3 if new else 1]:
            _sync_folder(folder)

    def get(self, digest: str) -> bytes:
        """The contents. Raises KeyError if they are not there."""
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError:
            raise KeyError(digest) from None

    def delete(self, digest: str) -> None:
        """Forget them."""
        self._path(digest).unlink(missing_ok=True)

    def list(self) -> Iterator[tuple[str, float]]:
        """Every stored hash with the time it was written (seconds since 1970)."""
        for path in self._root.glob("*/*/*"):
            if _DIGEST.fullmatch(path.name):
                with contextlib.suppress(FileNotFoundError):
                    yield path.name, path.stat().st_mtime

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest[2:4] / digest


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_store(settings: Settings) -> Store:
    """The store that the settings name: files in the data directory, or ``s3://bucket/prefix``.

    Raises CentreError ``invalid`` for an address of another form.
    """
    url = str(settings["store_url"])
    if not url:
        return FileStore(settings.data / "store")
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        raise invalid("store_url", f"store_url must be empty or s3://bucket/prefix, not {url!r}")
    from markaz.centre.storage.s3 import S3Store  # noqa: PLC0415 - boto3 is optional and slow

    return S3Store.open(settings, bucket=parts.netloc, prefix=parts.path.strip("/"))
