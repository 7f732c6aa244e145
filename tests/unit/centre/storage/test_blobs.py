from __future__ import annotations

import hashlib
from typing import Any

import pytest
from sqlalchemy import update

from markaz.centre.centre import Centre
from markaz.centre.db.schema import storage
from markaz.centre.errors import CentreError
from markaz.centre.storage import blobs
from tests.centre_rows import do, look, rows

SMALL = b"a Bell pair"
LARGE = bytes(range(256)) * 1024  # 256 KiB, above the 64 KiB that a row takes


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def keep(centre: Centre, data: bytes, project: str | None = None) -> str:
    prepared = blobs.prepare(centre.services, data)
    return str(do(centre, lambda work: blobs.keep(work, prepared, project=project)))


def read(centre: Centre, digest: str) -> bytes:
    return bytes(look(centre, lambda work: blobs.read(work, digest)))


def kept(centre: Centre) -> dict[str, tuple[int, bool]]:
    """Uses, and whether the row holds the contents, by hash."""
    found = rows(centre, storage.blobs)
    return {row["hash"]: (row["uses"], row["data"] is not None) for row in found}


def test_contents_come_back_and_large_ones_stand_in_the_store(centre: Centre) -> None:
    digests = [keep(centre, SMALL), keep(centre, LARGE)]
    assert digests == [sha(SMALL), sha(LARGE)]
    assert [read(centre, d) for d in digests] == [SMALL, LARGE]
    assert kept(centre) == {sha(SMALL): (1, True), sha(LARGE): (1, False)}
    assert centre.services.store.get(sha(LARGE)) == LARGE


def test_one_row_serves_everybody_and_each_is_answered_alike(centre: Centre) -> None:
    first, second = keep(centre, SMALL, "one"), keep(centre, SMALL, "two")
    assert first == second
    assert kept(centre) == {sha(SMALL): (2, True)}
    used = look(centre, lambda w: [blobs.used_bytes(w, p) for p in ("one", "two", "three")])
    assert used == [len(SMALL), len(SMALL), 0]


def test_many_are_kept_in_order_also_the_same_one_twice(centre: Centre) -> None:
    contents: list[Any] = [SMALL, b"", blobs.prepare(centre.services, LARGE), SMALL]
    digests = do(centre, lambda work: blobs.keep_many(work, contents, project="p"))
    assert digests == [sha(SMALL), sha(b""), sha(LARGE), sha(SMALL)]
    assert kept(centre) == {sha(SMALL): (2, True), sha(b""): (1, True), sha(LARGE): (1, False)}
    assert look(centre, lambda w: blobs.used_bytes(w, "p")) == 2 * len(SMALL) + len(LARGE)


def test_large_plain_bytes_are_not_kept_in_a_transaction(centre: Centre) -> None:
    with pytest.raises(CentreError, match="without preparation"):
        do(centre, lambda work: blobs.keep(work, LARGE))
    assert kept(centre) == {}


def test_dropping_counts_down_and_never_below_nothing(centre: Centre) -> None:
    digest = keep(centre, SMALL, "p")
    keep(centre, SMALL, "p")
    do(centre, lambda work: blobs.drop(work, digest, project="p"))
    assert kept(centre)[digest] == (1, True)
    assert look(centre, lambda w: blobs.used_bytes(w, "p")) == len(SMALL)
    do(centre, lambda work: blobs.drop_many(work, [digest, digest, digest]))
    assert kept(centre)[digest] == (0, True)


def test_unknown_contents_are_not_found(centre: Centre) -> None:
    with pytest.raises(CentreError) as caught:
        read(centre, sha(b"nobody kept this"))
    assert caught.value.kind == "not-found"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_damaged_and_lost_contents_are_never_handed_out(centre: Centre) -> None:
    small, large = keep(centre, SMALL), keep(centre, LARGE)
    changed = update(storage.blobs).where(storage.blobs.c.hash == small)
    do(centre, lambda work: work.run(changed.values(data=b"A bell pair")))
    path = centre.services.settings.data / "store" / large[:2] / large[2:4] / large
    path.write_bytes(LARGE[:-1] + b"x")
    for digest in (small, large):
        with pytest.raises(CentreError, match="damaged"):
            read(centre, digest)
    path.unlink()
    with pytest.raises(CentreError, match="lost"):
        read(centre, large)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_store_that_is_full_refuses_before_anything_is_written(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(digest: str, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(centre.services.store, "put", full)
    with pytest.raises(CentreError) as caught:
        keep(centre, LARGE)
    assert caught.value.kind == "storage-full"
    assert kept(centre) == {}


def test_rows_are_read_in_one_go_and_say_what_only_the_store_has(centre: Centre) -> None:
    digests = [keep(centre, SMALL), keep(centre, LARGE)]
    found = look(centre, lambda work: blobs.read_rows(work, [*digests, sha(b"?")]))
    assert found == {digests[0]: SMALL, digests[1]: None}
    assert blobs.contents(centre.services, digests[1], None) == LARGE
