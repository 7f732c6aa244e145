"""The lines that make other programs find this centre, as ``markaz env`` prints them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markaz.interfaces.portal.visit import Visit


async def exports(visit: Visit, key: str, project: str | None) -> str:
    """``export`` lines for ``key``, and the project if it is bound to one."""
    public = str(visit.api.centre.services.settings["public_url"]).rstrip("/")
    url = public or str(visit.request.base_url).rstrip("/")
    lines = {"MARKAZ_URL": url, "MARKAZ_KEY": key}
    if project:
        lines["MARKAZ_PROJECT"] = project
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in lines.items())
