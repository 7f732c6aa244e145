"""What can be asked about the centre's signature."""

from __future__ import annotations

from typing import Any

from markaz.centre.access import anyone, query
from markaz.centre.records import signing
from markaz.centre.work import Work


@query("records.key", rule=anyone, scope=None)
def key(work: Work, _: None) -> dict[str, Any]:
    """The public key under which the centre signs, for everybody."""
    public = signing.public_key(signing.signing_key(work.services.settings.data))
    return {
        "algorithm": "Ed25519",
        "key": signing.shown(public),
        "key_id": signing.key_id(public),
        "site": work.services.settings["site_name"],
    }
