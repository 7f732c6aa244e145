"""Projects and members as plain documents."""

from __future__ import annotations

from typing import Any, Final

from markaz.centre.projects.lifecycle import State, steps

_SHOWN: Final = (
    "id", "slug", "title", "description", "programme", "state", "job_visibility", "shares",
    "starts_at", "ends_at", "retention_days", "quota_gib", "created_at",
)  # fmt: skip


def project_document(row: Any, role: str | None = None) -> dict[str, Any]:
    """A project; ``role`` is that of whoever asks (None: not a member)."""
    shown = {name: row._mapping[name] for name in _SHOWN}
    return shown | {
        "institution": row.institution_id,
        "any_device": bool(row.any_device),
        "role": None if role is None else str(role),
        "steps": steps(State(row.state)),
    }


def member_document(row: Any, *, contact: bool) -> dict[str, Any]:
    """A member (a row of ``memberships`` with the person's name); ``contact``: with address."""
    document = {
        "user": row.user_id,
        "login": row.login,
        "name": row.name,
        "role": row.role,
        "shares": row.shares,
        "joined_at": row.joined_at,
    }
    return document | ({"email": row.email} if contact else {})


def invitation_document(row: Any, now: int) -> dict[str, Any]:
    """An invitation, without its secret."""
    ended = (
        ("accepted", row.accepted_at is not None),
        ("withdrawn", row.withdrawn_at is not None),
        ("expired", row.expires_at <= now),
        ("open", True),
    )
    return {
        "id": row.id,
        "email": row.email,
        "role": row.role,
        "invited_by": row.invited_by,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "state": next(state for state, holds in ended if holds),
    }
