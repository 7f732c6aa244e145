"""Answers that are to be kept as files, not shown as pages."""

from __future__ import annotations

import re

from starlette.responses import Response

from markaz.interfaces.portal.guard import HEADERS


def attachment(data: bytes, name: str, media: str = "application/octet-stream") -> Response:
    """``data`` as a file called ``name``; nothing in it may act as a page of ours."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", name)[:100]
    headers = {
        "Content-Disposition": f'attachment; filename="{plain}"',
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    }
    return Response(data, 200, HEADERS | headers, media)
