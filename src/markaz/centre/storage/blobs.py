"""Contents by their SHA-256: kept, read, given up, swept.

Small contents stand in the row and are as durable as the transaction. Large ones are written
to the store before the transaction (``prepare``, outside of it, since it waits for a disk or
a network) and the row says that they are there.

One row serves everybody who keeps the same contents, and nobody can tell: ``keep`` does the
same work and answers alike whether they were there or not, and each project's use is counted
in full.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Select, bindparam, case, select, update

from markaz.centre.db import dialect
from markaz.centre.db.frequent import Frequent, listed, spread
from markaz.centre.errors import CentreError
from markaz.centre.services import Services
from markaz.centre.storage.tables import blobs, storage_use
from markaz.centre.work import Work

# What was prepared longer ago is kept in the row: the sweep may have met the store's copy.
FRESH_SECONDS: Final = 300.0


@listed
def _contents_of(size: int) -> Select[Any]:
    names = [bindparam(f"v{i}", type_=blobs.c.hash.type) for i in range(size)]
    return select(blobs.c.hash, blobs.c.data).where(blobs.c.hash.in_(names))


_SIZES: Final = select(blobs.c.hash, blobs.c.size).where(
    blobs.c.hash.in_(bindparam("hashes", expanding=True))
)
_DOOMED: Final = select(blobs.c.hash).where(
    blobs.c.hash.in_(bindparam("hashes", expanding=True)), blobs.c.doomed_at.is_not(None)
)
_DROP: Final = (
    update(blobs)
    .where(blobs.c.hash == bindparam("digest"), blobs.c.uses > 0)
    .values(uses=blobs.c.uses - 1)
)
_USED: Final = Frequent(
    select(storage_use.c.bytes).where(storage_use.c.project_id == bindparam("project"))
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Contents that a transaction may keep: ``stored`` if the store has them already."""

    digest: str
    data: bytes = field(repr=False)
    stored: bool = False
    at: float = field(default_factory=time.monotonic)

    @property
    def inline(self) -> bool:
        """Whether the row must hold them."""
        return not self.stored or time.monotonic() - self.at > FRESH_SECONDS


def prepare(services: Services, data: bytes) -> Prepared:
    """Make ``data`` ready to be kept; contents too large for a row are written to the store.

    Outside any transaction. Raises CentreError ``storage-full`` or ``unavailable`` when the
    store does not take them.
    """
    digest = _sha256(data)
    if len(data) <= services.settings["inline_kib"] << 10:
        return Prepared(digest, data)
    try:
        services.store.put(digest, data)
    except OSError as error:
        raise dialect.translated(error) from error
    return Prepared(digest, data, stored=True)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def keep(work: Work, contents: Prepared | bytes, *, project: str | None = None) -> str:
    """Refer to ``contents`` once more; their hash. Counted to ``project`` if one is given."""
    return keep_many(work, [contents], project=project)[0]


def keep_many(
    work: Work, contents: Iterable[Prepared | bytes], *, project: str | None = None
) -> list[str]:
    """As ``keep`` for each of ``contents``, in few statements.

    Plain bytes must be small enough for a row (``prepare`` tells); larger ones raise
    CentreError ``internal``, since a transaction must not wait for the store.
    """
    items = [c if isinstance(c, Prepared) else _small(work.services, c) for c in contents]
    _refer(work, [item for item in items if item.inline], inline=True)
    large = [item for item in items if not item.inline]
    if large:
        _refer(work, large, inline=False)
        _rescue(work, large)
    if project is not None:
        count_bytes(work, project, sum(len(item.data) for item in items))
    return [item.digest for item in items]


def _small(services: Services, data: bytes) -> Prepared:
    if len(data) > services.settings["inline_kib"] << 10:
        raise CentreError("internal", f"{len(data)} bytes were to be kept without preparation")
    return Prepared(_sha256(data), data)


def _refer(work: Work, items: Sequence[Prepared], *, inline: bool) -> None:
    uses = Counter(item.digest for item in items)
    rows = [
        {
            "hash": digest,
            "size": len(item.data),
            "data": item.data if inline else None,
            "created_at": work.now,
            "uses": uses[digest],
            "doomed_at": None,
        }
        for digest, item in {item.digest: item for item in items}.items()
    ]
    changes = _with_data if inline else _one_more
    dialect.insert_or_change(work.connection, blobs, rows, ("hash",), changes)


def _one_more(new: Any) -> dict[str, Any]:
    return {"uses": blobs.c.uses + new.uses}


def _with_data(new: Any) -> dict[str, Any]:
    """More uses; a doomed row takes the contents, since the store may lose its copy."""
    data = case((blobs.c.doomed_at.is_(None), blobs.c.data), else_=new.data)
    return {"uses": blobs.c.uses + new.uses, "data": data, "doomed_at": None}


def _rescue(work: Work, items: Sequence[Prepared]) -> None:
    """Put contents whose copy in the store was doomed into their rows."""
    hashes = {"hashes": [item.digest for item in items]}
    doomed = {row.hash for row in work.connection.execute(_DOOMED, hashes)}
    for item in items:
        if item.digest in doomed:
            change = update(blobs).where(blobs.c.hash == item.digest)
            work.run(change.values(data=item.data, doomed_at=None))


def read(work: Work, digest: str) -> bytes:
    """Contents, checked against their hash; reads the store if the row does not hold them.

    Raises CentreError ``not-found`` if nobody keeps them, ``internal`` if they are damaged.
    """
    found = read_rows(work, [digest])
    if digest not in found:
        raise CentreError("not-found", "there are no such contents")
    return contents(work.services, digest, found[digest])


def size(work: Work, digest: str) -> int:
    """How many bytes the contents have. Raises CentreError ``not-found``."""
    row = work.one(select(blobs.c.size).where(blobs.c.hash == digest))
    if row is None:
        raise CentreError("not-found", "there are no such contents")
    return int(row.size)


def read_rows(work: Work, digests: Collection[str]) -> dict[str, bytes | None]:
    """What the rows hold, unchecked and in one statement: None where only the store does."""
    if not digests:
        return {}
    rows = _contents_of(len(digests)).all(work.connection, spread(sorted(digests)))
    return {row.hash: None if row.data is None else bytes(row.data) for row in rows}


def ask_rows(work: Work, digests: Collection[str]) -> None:
    """Say that ``read_rows`` will be called for these (``Frequent.ahead``)."""
    if digests:
        _contents_of(len(digests)).ahead(work.connection, spread(sorted(digests)))


def contents(services: Services, digest: str, data: bytes | None) -> bytes:
    """``data`` from a row, or from the store where it is None; checked against the hash."""
    if data is None:
        try:
            data = services.store.get(digest)
        except KeyError:
            raise CentreError("internal", f"the store has lost {digest}") from None
        except OSError as error:
            raise dialect.translated(error) from error
    if _sha256(data) != digest:
        raise CentreError("internal", f"the contents of {digest} are damaged")
    return data


def drop(work: Work, digest: str, *, project: str | None = None) -> None:
    """Refer to the contents once less; the sweep deletes what nobody refers to."""
    drop_many(work, [digest], project=project)


def drop_many(work: Work, digests: Sequence[str], *, project: str | None = None) -> None:
    """As ``drop`` for each of ``digests``."""
    if not digests:
        return
    if project is not None:
        sizes = {r.hash: r.size for r in work.connection.execute(_SIZES, {"hashes": digests})}
        count_bytes(work, project, -sum(sizes.get(d, 0) for d in digests))
    work.run(_DROP, [{"digest": d} for d in digests])


def count_bytes(work: Work, project: str, change: int) -> None:
    """Add ``change`` to what a project keeps."""
    count_bytes_of(work, {project: change})


def count_bytes_of(work: Work, changes: Mapping[str, int]) -> None:
    """As ``count_bytes`` for several projects."""
    rows = [{"project_id": name, "bytes": changes[name]} for name in sorted(changes)]
    dialect.insert_or_change(work.connection, storage_use, rows, ("project_id",), _add_bytes)


def _add_bytes(new: Any) -> dict[str, Any]:
    return {"bytes": storage_use.c.bytes + new.bytes}


def ask_used(work: Work, project: str) -> None:
    """Say that ``used_bytes`` will be called (``Frequent.ahead``)."""
    _USED.ahead(work.connection, {"project": project})


def used_bytes(work: Work, project: str) -> int:
    """Bytes that a project keeps, counted in full whoever else keeps the same."""
    row = _USED.first(work.connection, {"project": project})
    return int(row.bytes) if row else 0
