"""People as plain documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def person_document(row: Any, roles: Iterable[str] = ()) -> dict[str, Any]:
    """A person as they themselves and operators see them (``row`` of ``users``)."""
    return {
        "id": row.id,
        "login": row.login,
        "name": row.name,
        "email": row.email,
        "institution": row.institution_id,
        "state": row.state,
        "language": row.language,
        "roles": list(roles),
        "totp": bool(row.totp_confirmed),
        "created_at": row.created_at,
        "last_login_at": row.last_login_at,
    }
