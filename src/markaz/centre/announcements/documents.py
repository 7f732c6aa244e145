"""Announcements as plain documents."""

from __future__ import annotations

import json
from typing import Any


def document(row: Any) -> dict[str, Any]:
    """What everybody may know of an announcement."""
    return {
        "announcement": row.id,
        "kind": row.kind,
        "texts": json.loads(row.texts),
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "created_at": row.created_at,
    }
