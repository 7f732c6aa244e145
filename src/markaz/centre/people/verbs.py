"""All that can be done to people: importing this registers every verb."""

from __future__ import annotations

from markaz.centre.people.accounts import (
    approve,
    change,
    create,
    grant_role,
    reactivate,
    refuse,
    revoke_role,
    sign_up,
    suspend,
)
from markaz.centre.people.identities import link, unlink
from markaz.centre.people.institutions import change as change_institution
from markaz.centre.people.institutions import create as create_institution
from markaz.centre.people.key_verbs import create as create_key
from markaz.centre.people.key_verbs import create_worker as create_worker_key
from markaz.centre.people.key_verbs import end_sessions, log_out
from markaz.centre.people.key_verbs import revoke as revoke_key
from markaz.centre.people.personal import erase
from markaz.centre.people.recovery import issue_code, recover, totp_begin, totp_confirm

__all__ = [
    "approve",
    "change",
    "change_institution",
    "create",
    "create_institution",
    "create_key",
    "create_worker_key",
    "end_sessions",
    "erase",
    "grant_role",
    "issue_code",
    "link",
    "log_out",
    "reactivate",
    "recover",
    "refuse",
    "revoke_key",
    "revoke_role",
    "sign_up",
    "suspend",
    "totp_begin",
    "totp_confirm",
    "unlink",
]
