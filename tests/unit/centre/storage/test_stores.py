from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from markaz.centre.errors import CentreError
from markaz.centre.services import Store
from markaz.centre.settings import Settings
from markaz.centre.storage.stores import FileStore, open_store
from tests.absent import library
from tests.s3_server import S3Server

CONTENTS = [b"", b"one", b"two" * 100_000, bytes(range(256)), b"five"]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.close()


def s3_settings(url: str, tmp_path: Path, key: str = "the-key") -> Settings:
    return Settings(
        {
            "data": str(tmp_path),
            "store_url": "s3://results/centre",
            "s3_endpoint": url,
            "s3_access_key": key,
            "s3_secret_key": "the-secret",
        }
    )


@pytest.fixture(params=["files", "s3"])
def store(request: pytest.FixtureRequest, s3: S3Server, tmp_path: Path) -> Store:
    if request.param == "files":
        return open_store(Settings({"data": str(tmp_path)}))
    library("boto3")
    s3.objects.clear()
    s3.failing = 0
    return open_store(s3_settings(s3.url, tmp_path))


def test_contents_come_back(store: Store) -> None:
    for data in CONTENTS:
        store.put(sha(data), data)
        store.put(sha(data), data)
    assert [store.get(sha(data)) for data in CONTENTS] == CONTENTS


def test_what_is_not_there_is_a_key_error(store: Store) -> None:
    with pytest.raises(KeyError):
        store.get(sha(b"missing"))
    store.delete(sha(b"missing"))


def test_deleted_contents_are_gone(store: Store) -> None:
    store.put(sha(b"one"), b"one")
    store.delete(sha(b"one"))
    with pytest.raises(KeyError):
        store.get(sha(b"one"))


def test_all_are_listed_with_their_times(store: Store) -> None:
    for data in CONTENTS:
        store.put(sha(data), data)
    found = dict(store.list())
    assert sorted(found) == sorted(map(sha, CONTENTS))
    assert all(abs(written - time.time()) < 60 for written in found.values())


def test_the_file_store_lists_no_half_written_file(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.put(sha(b"one"), b"one")
    folder = tmp_path / sha(b"one")[:2] / sha(b"one")[2:4]
    (folder / f"{sha(b'two')}.99.abcd").write_bytes(b"tw")
    assert [digest for digest, _ in store.list()] == [sha(b"one")]


def test_the_file_store_writes_again_what_is_there(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.put(sha(b"one"), b"one")
    path = tmp_path / sha(b"one")[:2] / sha(b"one")[2:4] / sha(b"one")
    os.utime(path, (1, 1))
    store.put(sha(b"one"), b"one")
    assert path.stat().st_mtime > 1


def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        FileStore(tmp_path).put(sha(b"one"), b"one")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_objects_stand_under_their_prefix(s3: S3Server, tmp_path: Path) -> None:
    library("boto3")
    s3.objects.clear()
    open_store(s3_settings(s3.url, tmp_path)).put(sha(b"one"), b"one")
    digest = sha(b"one")
    assert s3.objects == {f"results/centre/{digest[:2]}/{digest[2:4]}/{digest}": b"one"}


def test_an_s3_store_that_refuses_is_an_os_error(s3: S3Server, tmp_path: Path) -> None:
    library("boto3")
    store = open_store(s3_settings(s3.url, tmp_path, key="another"))
    with pytest.raises(OSError, match="refused"):
        store.put(sha(b"one"), b"one")


def test_an_s3_store_that_cannot_be_reached_is_an_os_error(tmp_path: Path) -> None:
    library("boto3")
    with socket.socket() as closed:  # bound, such that nobody else can listen there meanwhile
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        store = open_store(s3_settings(address, tmp_path))
        with pytest.raises(OSError, match="does not answer"):
            store.get(sha(b"one"))


@pytest.mark.parametrize("url", ["s3://", "ftp://x/y", "results"])
def test_another_address_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(CentreError) as caught:
        open_store(Settings({"data": str(tmp_path), "store_url": url}))
    assert (caught.value.kind, caught.value.field) == ("invalid", "store_url")
