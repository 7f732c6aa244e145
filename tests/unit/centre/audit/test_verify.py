"""Verification of the audit trail: any change shows, and so does what is missing."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from markaz.centre.access import SYSTEM, CentreRole, Principal, anyone, system
from markaz.centre.access import Act as Verb
from markaz.centre.audit import heads, queries
from markaz.centre.audit.chain import Head
from markaz.centre.audit.tables import audit_entries, audit_segments
from markaz.centre.audit.verify import verify
from markaz.centre.centre import Centre
from markaz.centre.db import dialect
from markaz.centre.settings import Settings
from markaz.centre.work import Work
from tests.centre_rows import do
from tests.people_tools import BOTH, refusal

DIRECTOR = Principal("0" * 20, "user", frozenset({CentreRole.DIRECTOR}))


@pytest.fixture
def database() -> str:
    return "sqlite"


def note(work: Work, _subject: None, *, what: str, fail: bool = False) -> None:
    work.record(what, word=f"of {what} – ∞")
    if fail:
        raise ValueError("on purpose")


NOTE = Verb("test.note", system, None, note)


def fill(centre: Centre, count: int = 5, start: int = 0) -> None:
    for number in range(start, start + count):
        centre.perform(NOTE, SYSTEM, what=f"subject{number}")


def check(centre: Centre, kept: list[Head] | None = None) -> dict[str, Any]:
    with dialect.read_connection(centre.engine) as connection:
        return verify(connection, kept or [])


@pytest.fixture
def segments(settings_for: Callable[..., Settings]) -> Centre:
    """A centre that ran twice before; left open."""
    for _ in range(2):
        with Centre.open(settings_for()) as earlier:
            fill(earlier)
    return Centre.open(settings_for())


@pytest.fixture
def trail(segments: Centre) -> Any:
    with segments:
        fill(segments)
        yield segments


@BOTH
def test_whole_trail_is_whole(trail: Centre) -> None:
    report = check(trail)
    assert (report["ok"], report["segments"], report["entries"], report["broken"]) == (
        True,
        3,
        18,
        None,
    )
    assert report["open"] == [list(trail.services.chain.head())]


@BOTH
def test_change_that_fails_leaves_no_entry(trail: Centre) -> None:
    with pytest.raises(ValueError, match="on purpose"):
        trail.perform(NOTE, SYSTEM, what="x", fail=True)
    fill(trail, 1, 50)
    assert check(trail)["entries"] == 19


@BOTH
def test_change_fails_if_its_entry_cannot_be_written(
    trail: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_connection: Any) -> None:
        raise OSError(28, "no space left on device")

    def mark(work: Work, _subject: None) -> None:
        work.run(insert(audit_segments).values(id="mark", opened_at=1))
        work.record("mark")

    with monkeypatch.context() as patch:
        patch.setattr(type(trail.services.chain), "flush", lambda *_: broken(None))
        error = refusal(lambda: trail.perform(Verb("test.mark", anyone, None, mark), SYSTEM))
    assert error.kind == "storage-full"
    with trail.engine.connect() as connection:
        assert (
            connection.execute(select(audit_segments).where(audit_segments.c.id == "mark")).first()
            is None
        )
    fill(trail, 1, 60)
    assert check(trail)["ok"]


def every_value(centre: Centre) -> list[tuple[Any, Any, str, Any]]:
    """Table, key condition, column and value of everything in the trail."""
    found = []
    with centre.engine.connect() as connection:
        for table in (audit_entries, audit_segments):
            for row in connection.execute(select(table)):
                key = [column == row._mapping[column] for column in table.primary_key.columns]
                found += [
                    (table, key, column.name, row._mapping[column])
                    for column in table.columns
                    if row._mapping[column] not in (None, "")
                ]
    return found


def altered(value: Any, dice: random.Random) -> Any:
    """``value`` with one byte (of its text) replaced by another."""
    text = str(value)
    at = dice.randrange(len(text))
    others = "0123456789" if isinstance(value, int) else '0123456789abcdefghijk {}":,'
    changed = text[:at] + dice.choice([c for c in others if c != text[at]]) + text[at + 1 :]
    return int(changed) if isinstance(value, int) else changed


def test_each_of_100_altered_bytes_is_found(trail: Centre) -> None:
    dice = random.Random(14)
    values = every_value(trail)
    missed, tried = [], 0
    while tried < 100:
        table, key, column, value = dice.choice(values)
        changed = altered(value, dice)
        with dialect.write_connection(trail.engine) as connection:
            transaction = connection.begin()
            try:
                connection.execute(update(table).where(*key).values({column: changed}))
            except IntegrityError:  # now two entries would have one number: not even possible
                continue
            tried += 1
            if verify(connection)["ok"]:
                missed.append((table.name, column, value, changed))
            transaction.rollback()
    assert missed == []
    assert check(trail)["ok"]


def first_segment(centre: Centre) -> str:
    with centre.engine.connect() as connection:
        return str(connection.scalar(select(audit_segments.c.id).order_by("opened_at").limit(1)))


@BOTH
def test_report_names_the_first_broken_entry(trail: Centre) -> None:
    segment = first_segment(trail)
    there = audit_entries.c.segment == segment, audit_entries.c.seq == 3
    do(trail, lambda work: work.run(update(audit_entries).where(*there).values(actor="nobody")))
    report = check(trail)
    assert report["broken"] == {
        "segment": segment,
        "seq": 3,
        "what": "the hash does not fit the entry and the one before",
    }
    assert not report["ok"]


@pytest.mark.parametrize(
    ("seqs", "seq", "what"),
    [
        ([2], 2, "entries are missing"),
        ([0], 0, "entries are missing"),
        ([5], 5, "an entry that was kept or sealed elsewhere is not there"),
        ([4, 5], 5, "an entry that was kept or sealed elsewhere is not there"),
        ([0, 1, 2, 3, 4, 5], 5, "an entry that was kept or sealed elsewhere is not there"),
    ],
)
def test_missing_entries_of_a_sealed_segment_are_found(
    trail: Centre, seqs: list[int], seq: int, what: str
) -> None:
    segment = first_segment(trail)
    there = audit_entries.c.segment == segment, audit_entries.c.seq.in_(seqs)
    do(trail, lambda work: work.run(delete(audit_entries).where(*there)))
    assert check(trail)["broken"] == {"segment": segment, "seq": seq, "what": what}


def test_segment_that_disappears_whole_is_found(trail: Centre) -> None:
    segment = first_segment(trail)

    def forget(work: Work) -> None:
        work.run(delete(audit_entries).where(audit_entries.c.segment == segment))
        work.run(delete(audit_segments).where(audit_segments.c.id == segment))

    do(trail, forget)
    assert check(trail)["broken"]["segment"] == segment


def test_segment_without_entries_and_entries_without_segment_are_found(trail: Centre) -> None:
    do(trail, lambda work: work.run(insert(audit_segments).values(id="empty", opened_at=1)))
    assert check(trail)["broken"]["what"] == "all entries of the segment are missing"
    do(trail, lambda work: work.run(delete(audit_segments)))
    assert check(trail)["broken"]["what"] == "the segment is not listed"


@BOTH
def test_cut_off_tail_is_found_with_a_head_kept_elsewhere(trail: Centre) -> None:
    kept = [tuple(head) for head in trail.ask(queries.heads, DIRECTOR)["heads"]]
    assert kept == [trail.services.chain.head()]
    segment, seq, _ = kept[0]
    there = audit_entries.c.segment == segment, audit_entries.c.seq == seq
    do(trail, lambda work: work.run(delete(audit_entries).where(*there)))
    assert check(trail)["ok"]  # the database alone cannot know
    assert check(trail, kept)["broken"] == {
        "segment": segment,
        "seq": seq,
        "what": "an entry that was kept or sealed elsewhere is not there",
    }


@BOTH
def test_server_that_still_runs_goes_on_after_another_sealed_its_segment(
    settings_for: Callable[..., Settings],
) -> None:
    with Centre.open(settings_for()) as one:
        fill(one)
        with Centre.open(settings_for()) as two:
            fill(one, 5, 10)
            fill(two, 5, 20)
            assert check(one)["ok"]
            assert len(check(one)["open"]) == 2
    with Centre.open(settings_for()) as three:
        report = check(three)
        assert (report["ok"], report["segments"], report["entries"]) == (True, 3, 18)
        assert report["open"] == [list(three.services.chain.head())]


def test_head_log_is_written_now_and_then_and_at_the_end(
    trail: Centre, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "EVERY_ENTRIES", 3)
    seconds = [0.0]
    path = tmp_path / heads.NAME
    log = heads.HeadLog(path, trail.services.chain, clock=lambda: seconds[0])

    def seqs() -> list[int]:
        return [head[1] for head in heads.read(path)]

    base = trail.services.chain.head()[1]
    for number in range(5):
        log.committed()
        fill(trail, 1, 30 + number)
    assert seqs() == [base, base + 3]
    seconds[0] = 10.0
    log.committed()
    assert seqs() == [base, base + 3, base + 5]
    log.committed()
    fill(trail, 1, 40)
    log.close()
    assert seqs() == [base, base + 3, base + 5, base + 6]
    assert path.stat().st_mode & 0o777 == 0o600
    assert check(trail, heads.read(path))["ok"]
    with path.open("a") as file:
        file.write("17 torn")
    assert len(heads.read(path)) == 4
    path.write_text("not a head\n")
    assert refusal(lambda: heads.read(path)).kind == "invalid"
    assert refusal(lambda: heads.read(tmp_path / "nothing")).kind == "not-found"


@BOTH
def test_search_filters_and_pages_newest_first(trail: Centre) -> None:
    def found(**given: Any) -> list[str]:
        items = trail.ask(queries.search, DIRECTOR, **given)["items"]
        return [item["subject"] for item in items]

    assert found(verb="test.note", limit=3) == ["subject4", "subject3", "subject2"]
    assert found(verb="test.*", subject="subject2") == ["subject2"] * 3
    assert found(by="nobody") == []
    assert found(verb="%") == []
    pages, after = [], None
    while True:
        page = trail.ask(queries.search, DIRECTOR, limit=4, after=after)
        pages += [(item["at"], item["segment"], item["seq"]) for item in page["items"]]
        if (after := page["next"]) is None:
            break
    assert len(pages) == 18
    assert pages == sorted(pages, reverse=True)
    middle = pages[9][0]
    since = trail.ask(queries.search, DIRECTOR, since=middle)["items"]
    until = trail.ask(queries.search, DIRECTOR, until=middle)["items"]
    assert (len(since), len(until)) == (10, 8)
    newest = trail.ask(queries.search, DIRECTOR, limit=1)["items"][0]
    assert newest["details"] == {"word": "of subject4 – ∞"}


@pytest.mark.parametrize(
    "given",
    [{"limit": 0}, {"limit": 501}, {"since": "x"}, {"after": "1.2"}, {"after": "a.b.c"},
     {"after": f"{10**30}.a.1"}, {"by": "\x00"}],
)  # fmt: skip
def test_bad_search_is_refused(trail: Centre, given: dict[str, Any]) -> None:
    error = refusal(lambda: trail.ask(queries.search, DIRECTOR, **given))
    assert (error.kind, error.field) == ("invalid", next(iter(given)))


def test_trail_is_for_operators_and_directors(trail: Centre) -> None:
    member = Principal("1" * 20, "user", frozenset({CentreRole.REVIEWER}))
    for act in (queries.search, queries.heads, queries.verify_all):
        assert refusal(lambda act=act: trail.ask(act, member)).kind == "forbidden"
    assert trail.ask(queries.verify_all, DIRECTOR)["ok"]
