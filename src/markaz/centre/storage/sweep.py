"""Deletes contents that nobody refers to, and files of the store that no row knows.

A file cannot be deleted in a transaction, and somebody may begin to refer to the contents
meanwhile. So: mark the row (``doom``), delete the file, and forget the row only
``FORGET_SECONDS`` later. Who keeps the contents in between finds the mark and puts them into
the row; who prepared them before the mark and keeps them after the row has gone prepared
them so long ago that they go into the row as well (``blobs.FRESH_SECONDS``).
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, select, update

from markaz.centre.access import SYSTEM, query, system, verb
from markaz.centre.db import dialect
from markaz.centre.storage.blobs import FRESH_SECONDS
from markaz.centre.storage.tables import blobs
from markaz.centre.work import Work

if TYPE_CHECKING:
    from markaz.centre.centre import Centre

FORGET_SECONDS: Final = 3 * FRESH_SECONDS
ORPHAN_SECONDS: Final = 86400.0  # age at which a file that no row knows is one
BATCH: Final = 500


@verb("storage.doom", rule=system, scope=None)
def doom(work: Work, _: None, *, orphans: list[str], limit: int = BATCH) -> dict[str, Any]:
    """Mark contents without use, and ``orphans`` (files that no row knew when asked).

    Returns ``doomed``: hashes whose files may be deleted once this is durable.
    """
    rows = [
        {"hash": h, "size": 0, "data": None, "created_at": work.now, "uses": 0, "doomed_at": None}
        for h in orphans
    ]
    dialect.insert_or_ignore(work.connection, blobs, rows)
    unused = select(blobs.c.hash).where(blobs.c.uses == 0, blobs.c.doomed_at.is_(None))
    hashes = [row.hash for row in work.all(unused.limit(limit))]
    if not hashes:
        work.nothing_changed()
        return {"doomed": []}
    still = blobs.c.hash.in_(hashes) & (blobs.c.uses == 0)
    work.run(update(blobs).where(still).values(doomed_at=work.now))
    work.record("storage", doomed=len(hashes))
    return {"doomed": hashes}


@verb("storage.forget", rule=system, scope=None)
def forget(work: Work, _: None) -> dict[str, Any]:
    """Delete rows that were marked long enough ago and that nobody has referred to since."""
    before = work.now - int(FORGET_SECONDS * 1e6)
    gone = work.run(delete(blobs).where(blobs.c.uses == 0, blobs.c.doomed_at < before))
    if gone:
        work.record("storage", forgotten=gone)
    else:
        work.nothing_changed()
    return {"forgotten": gone}


@query("storage.unknown", rule=system, scope=None)
def unknown(work: Work, _: None, *, hashes: list[str]) -> list[str]:
    """Those of ``hashes`` that have no row."""
    found = {row.hash for row in work.all(select(blobs.c.hash).where(blobs.c.hash.in_(hashes)))}
    return sorted(set(hashes) - found)


def sweep(centre: Centre) -> dict[str, int]:
    """One pass over unused rows and the whole store, from a thread that may wait.

    Returns what was done, in numbers: ``doomed`` and ``forgotten`` contents.
    """
    doomed = 0
    while hashes := centre.perform(doom, SYSTEM, orphans=[])["doomed"]:
        doomed += _delete(centre, hashes)
    for orphans in _orphans(centre):
        doomed += _delete(centre, centre.perform(doom, SYSTEM, orphans=orphans)["doomed"])
    return {"doomed": doomed, **centre.perform(forget, SYSTEM)}


def _delete(centre: Centre, hashes: list[str]) -> int:
    for digest in hashes:
        centre.services.store.delete(digest)
    return len(hashes)


def _orphans(centre: Centre) -> Any:
    """Batches of names of old files that no row knows."""
    before = time.time() - ORPHAN_SECONDS
    old = (digest for digest, written in centre.services.store.list() if written < before)
    while batch := list(itertools.islice(old, BATCH)):
        if orphans := centre.ask(unknown, SYSTEM, hashes=batch):
            yield orphans
