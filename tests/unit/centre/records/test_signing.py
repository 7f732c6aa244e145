"""Records: what was signed verifies, what was altered does not, and what is junk says so."""

from __future__ import annotations

import base64
import copy
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from markaz.centre.access import ANONYMOUS
from markaz.centre.centre import Centre
from markaz.centre.records import queries, signing
from markaz.centre.records.signing import RecordError, public_key, sign, verify

KEY = bytes(range(32))
DOCUMENT = {"title": "Lot 1", "overall": "pass", "site": "مرکز", "criteria": [1.5, None]}


def test_what_was_signed_verifies_without_a_centre() -> None:
    envelope = json.loads(json.dumps(sign("acceptance", DOCUMENT, KEY)))
    assert verify(envelope, public_key(KEY)) == ("acceptance", DOCUMENT)


@pytest.mark.parametrize("at", range(0, 150, 10))
def test_one_altered_character_is_noticed(at: int) -> None:
    envelope = sign("acceptance", DOCUMENT, KEY)
    payload = bytearray(base64.b64decode(envelope["payload"]))
    payload[at % len(payload)] ^= 1
    envelope["payload"] = base64.b64encode(bytes(payload)).decode()
    with pytest.raises(RecordError, match="altered"):
        verify(envelope, public_key(KEY))


def test_a_record_cannot_pass_for_one_of_another_kind() -> None:
    envelope = sign("acceptance", DOCUMENT, KEY)
    envelope["payloadType"] = signing.TYPE.format(kind="certificate")
    with pytest.raises(RecordError, match="altered"):
        verify(envelope, public_key(KEY))


def test_another_key_is_named() -> None:
    envelope = sign("acceptance", DOCUMENT, KEY)
    with pytest.raises(RecordError, match=signing.key_id(public_key(KEY))):
        verify(envelope, public_key(bytes(32)))


def _without(name: str) -> dict[str, Any]:
    found = copy.deepcopy(sign("acceptance", DOCUMENT, KEY))
    del found[name]
    return found


@pytest.mark.parametrize(
    "junk",
    [
        None, [], "text", {}, {"payloadType": 1, "payload": "", "signatures": []},
        _without("payload"), _without("signatures"), _without("payloadType"),
        sign("acceptance", DOCUMENT, KEY) | {"signatures": [{"keyid": "x", "sig": "AAAA"}]},
        sign("acceptance", DOCUMENT, KEY) | {"payload": "~"},
        sign("acceptance", DOCUMENT, KEY) | {"payloadType": "text/plain"},
    ],
)  # fmt: skip
def test_junk_is_no_record(junk: object) -> None:
    with pytest.raises(RecordError):
        verify(junk, public_key(KEY))


def test_keys_are_read_as_they_are_shown() -> None:
    public = public_key(KEY)
    assert signing.read_public(f" {signing.shown(public)}\n") == public
    for text in ("", "not base 64!", "AAAA"):
        with pytest.raises(RecordError):
            signing.read_public(text)


def test_a_centre_keeps_one_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    key = signing.signing_key(tmp_path / "new")
    assert len(key) == 32
    assert signing.signing_key(tmp_path / "new") == key
    mode = (tmp_path / "new" / signing.KEY_FILE).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert [p.name for p in (tmp_path / "new").iterdir()] == [signing.KEY_FILE]


@pytest.mark.parametrize("database", ["sqlite"])
def test_everybody_may_have_the_public_key(centre: Centre) -> None:
    found = centre.ask(queries.key, ANONYMOUS)
    private = signing.signing_key(centre.services.settings.data)
    assert signing.read_public(found["key"]) == public_key(private)
    assert found["key_id"] == signing.key_id(public_key(private))
    assert base64.b64encode(private).decode() not in json.dumps(found)
