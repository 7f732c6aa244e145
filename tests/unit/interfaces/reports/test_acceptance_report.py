"""The report of an acceptance: the summary first, every criterion with its picture."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from markaz.centre.records import signing
from markaz.interfaces.charts.verdict import WIDTH, shapes, verdict, written
from markaz.interfaces.cli.verify import command as verify
from markaz.interfaces.reports import acceptance


def criterion(**more: Any) -> dict[str, Any]:
    return {
        "words": "median T1", "measure": "T1", "unit": "us", "bound": 30.0, "at_least": True,
        "value": 40.0, "low": 38.0, "high": 42.0, "verdict": "pass", "note": "",
        "values": [35.0, 40.0, 45.0], "job": None, **more,
    }  # fmt: skip


DOCUMENT: dict[str, Any] = {
    "format": "markaz acceptance 1", "title": "Lot <1>", "reference": "Tender 12",
    "device": "indus", "device_title": "Indus", "emulated": "EMULATED", "version": "1.0.0",
    "model": "sha256:ab",
    "sheet": "sha256:cd", "contract": "…", "overall": "fail", "site": "مرکز", "measurement": "m",
    "started_at": 1_795_000_000_000_000, "ended_at": 1_795_000_100_000_000,
    "criteria": [
        criterion(),
        criterion(words="maximum gate_error:cz", measure="gate_error:cz", unit="", bound=0.01,
                  at_least=False, value=0.02, low=0.015, high=0.025, verdict="fail"),
        criterion(words="median leakage", measure="leakage", value=None, low=None, high=None,
                  verdict="fail", note="not on the sheet", values=[]),
    ],
}  # fmt: skip


def test_the_page_begins_with_the_verdict_and_names_everything() -> None:
    page = acceptance.html(DOCUMENT, "sha256:key")
    first = re.sub(r"<[^>]+>", " ", page.partition("<table>")[0])
    assert re.search(r"Lot &lt;1&gt;\s+fail\s+At least one criterion is not met", first)
    assert "3 criteria: 1 pass, 2 fail." in first
    assert "EMULATED" in first
    for text in ("at least 30 µs", "at most 0.01", "<td>40 µs</td><td>38 to 42 µs</td>",
                 "<td>not on the sheet</td><td>-</td>", "energy relaxation time",
                 "average infidelity of one gate (cz)",
                 "Tender 12", "sha256:cd", "sha256:key", "مرکز", "2026-11-18"):  # fmt: skip
        assert text in page
    assert page.count("<svg") == 2
    checks = page.partition("<h2>How to check the signature</h2>")[2]
    assert re.findall("<code>(.*?)</code>", checks) == [
        "markaz verify acceptance.json --key centre.pub", "sha256:key",
        "markaz verify acceptance.json --key centre.pub --document",
    ]  # fmt: skip
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_paper_says_the_same() -> None:
    paper = acceptance.pdf(DOCUMENT, "sha256:key")
    assert paper.startswith(b"%PDF-")
    assert paper == acceptance.pdf(DOCUMENT, "sha256:key")


@pytest.mark.parametrize("at_least", [True, False])
def test_a_picture_shows_which_side_is_allowed(at_least: bool) -> None:
    found = {s.kind: s for s in shapes(criterion(at_least=at_least))}
    allowed, bound = found["allowed"], found["bound"].x
    assert (allowed.x, allowed.x2)[0 if at_least else 1] == bound
    assert found["interval"].x < found["value"].x < found["interval"].x2 < WIDTH
    assert found["value"].x > bound
    words = [s.words for s in shapes(criterion(at_least=at_least)) if s.kind == "text"]
    side = "at least" if at_least else "at most"
    assert words == ["30", "35", "40", "45 µs", f"contracted: {side} 30 µs", "measured: 40 µs"]
    assert len([s for s in shapes(criterion()) if s.kind == "dot"]) == 3


def test_pictures_of_extremes_are_finite() -> None:
    same = criterion(bound=0.0, value=0.0, low=0.0, high=0.0, values=[])
    assert all(0 <= s.x <= WIDTH for s in shapes(same))
    assert shapes(criterion(value=None)) == []
    assert verdict(criterion(words="a<b")).count("a&lt;b") == 2


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (47.3912, "us", "47.39 µs"), (49424.4, "", "49,420"), (6.457e-4, "", "0.0006457"),
        (-123456.0, "kHz", "-123,500 kHz"), (9999.4, "", "9999"), (0.0, "", "0"),
    ],
)  # fmt: skip
def test_numbers_are_written_for_reading(value: float, unit: str, words: str) -> None:
    assert written(value, unit) == words


def written_on(paper: bytes) -> list[str]:
    """What stands on each page of a PDF."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", paper, re.DOTALL)
    texts = [zlib.decompress(s).decode("latin-1") for s in streams if s[:1] == b"x"]
    return [text for text in texts if " Tj" in text]


def test_the_paper_says_on_every_page_that_it_is_practice() -> None:
    many = DOCUMENT | {"criteria": [criterion(words=f"median T1 {k}") for k in range(20)]}
    pages = written_on(acceptance.pdf(many, "k"))
    assert len(pages) >= 4
    assert all("EMULATED, practice only" in page for page in pages)
    assert "FAIL" in pages[0]
    real = "".join(written_on(acceptance.pdf(many | {"emulated": None}, "k")))
    assert "EMULATED" not in real


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "acceptance.json"
    path.write_text(json.dumps(signing.sign("acceptance", DOCUMENT, bytes(32))))
    (tmp_path / "centre.pub").write_text(signing.shown(signing.public_key(bytes(32))) + "\n")
    return path


def test_a_record_is_verified_without_a_centre(record: Path) -> None:
    key = record.with_name("centre.pub")
    done = CliRunner().invoke(verify, [str(record), "--key", str(key)])
    assert (done.exit_code, "valid. acceptance by مرکز. Lot <1>" in done.output) == (0, True)
    shown = CliRunner().invoke(verify, [str(record), "--key", key.read_text(), "--document"])
    assert json.loads(shown.output) == DOCUMENT


@pytest.mark.parametrize("content", ["{}", "no JSON", '{"payload": 1}', "[[[["])
def test_what_is_no_record_is_told_so(record: Path, content: str) -> None:
    record.write_text(content)
    done = CliRunner().invoke(verify, [str(record), "--key", str(record.with_name("centre.pub"))])
    assert done.exit_code == 1
    assert str(record) in done.output
