from __future__ import annotations

import hashlib
import os
import time

import pytest
from sqlalchemy import update

from markaz.centre.access import SYSTEM
from markaz.centre.centre import Centre
from markaz.centre.db.schema import storage
from markaz.centre.errors import CentreError
from markaz.centre.storage import blobs
from markaz.centre.storage.sweep import FORGET_SECONDS, ORPHAN_SECONDS, doom, forget, sweep
from tests.centre_rows import do, look, rows

LARGE = b"large" * 50_000
DIGEST = hashlib.sha256(LARGE).hexdigest()


def age(centre: Centre, seconds: float) -> None:
    """Make every mark look ``seconds`` older."""
    marked = update(storage.blobs).where(storage.blobs.c.doomed_at.is_not(None))
    older = storage.blobs.c.doomed_at - int(seconds * 1e6)
    do(centre, lambda work: work.run(marked.values(doomed_at=older)))


def kept_and_dropped(centre: Centre) -> None:
    prepared = blobs.prepare(centre.services, LARGE)
    do(centre, lambda work: blobs.keep(work, prepared))
    do(centre, lambda work: blobs.drop(work, DIGEST))


def stored(centre: Centre) -> list[str]:
    return [digest for digest, _ in centre.services.store.list()]


def test_unused_contents_go_first_from_the_store_then_from_the_table(centre: Centre) -> None:
    kept_and_dropped(centre)
    used = do(centre, lambda work: blobs.keep(work, b"used"))
    assert stored(centre) == [DIGEST]
    assert sweep(centre) == {"doomed": 1, "forgotten": 0}
    assert stored(centre) == []
    assert sweep(centre) == {"doomed": 0, "forgotten": 0}
    age(centre, FORGET_SECONDS + 1)
    assert sweep(centre) == {"doomed": 0, "forgotten": 1}
    assert [row["hash"] for row in rows(centre, storage.blobs)] == [used]


def test_contents_used_again_while_the_file_is_deleted_survive_in_the_row(centre: Centre) -> None:
    kept_and_dropped(centre)
    prepared = blobs.prepare(centre.services, LARGE)  # the file is there when this looks
    hashes = centre.perform(doom, SYSTEM, orphans=[])["doomed"]
    assert hashes == [DIGEST]
    do(centre, lambda work: blobs.keep(work, prepared))
    centre.services.store.delete(DIGEST)  # as the sweep does after its commit
    age(centre, FORGET_SECONDS + 1)
    assert centre.perform(forget, SYSTEM) == {"forgotten": 0}
    assert look(centre, lambda work: blobs.read(work, DIGEST)) == LARGE


def test_contents_prepared_before_a_whole_sweep_survive_it_too(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_and_dropped(centre)
    prepared = blobs.prepare(centre.services, LARGE)
    sweep(centre)
    age(centre, FORGET_SECONDS + 1)
    assert sweep(centre)["forgotten"] == 1
    later = time.monotonic() + FORGET_SECONDS  # as much time as the rows were made older
    monkeypatch.setattr(blobs.time, "monotonic", lambda: later)
    do(centre, lambda work: blobs.keep(work, prepared))
    assert look(centre, lambda work: blobs.read(work, DIGEST)) == LARGE


def test_the_row_is_forgotten_later_than_anything_prepared_is_fresh() -> None:
    assert FORGET_SECONDS > 2 * blobs.FRESH_SECONDS


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_old_files_that_no_row_knows_are_deleted(centre: Centre) -> None:
    store, root = centre.services.store, centre.services.settings.data / "store"
    kept = blobs.prepare(centre.services, LARGE)
    do(centre, lambda work: blobs.keep(work, kept))
    orphans = [bytes([n]) * 100_000 for n in range(3)]
    for data in orphans:
        store.put(hashlib.sha256(data).hexdigest(), data)
    old = time.time() - ORPHAN_SECONDS - 60
    for data in [LARGE, *orphans[:2]]:
        digest = hashlib.sha256(data).hexdigest()
        os.utime(root / digest[:2] / digest[2:4] / digest, (old, old))
    assert sweep(centre) == {"doomed": 2, "forgotten": 0}
    fresh = hashlib.sha256(orphans[2]).hexdigest()
    assert sorted(stored(centre)) == sorted([DIGEST, fresh])
    assert look(centre, lambda work: blobs.read(work, DIGEST)) == LARGE


def test_only_the_centre_itself_sweeps(centre: Centre) -> None:
    from tests.centre_rows import person

    with pytest.raises(CentreError) as caught:
        centre.perform(doom, person(centre, "eve"), orphans=[DIGEST])
    assert caught.value.kind == "forbidden"
