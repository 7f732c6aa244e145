"""The lines that make other programs find this centre, as ``markaz env`` prints them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from markaz.interfaces.runtime_api.crn import crn_of
from markaz.interfaces.variables import client_variables

if TYPE_CHECKING:
    from markaz.interfaces.portal.visit import Visit


async def exports(visit: Visit, key: str, project: str | None) -> str:
    """``export`` lines for ``key``, and the project if it is bound to one."""
    public = str(visit.api.centre.services.settings["public_url"]).rstrip("/")
    url = public or str(visit.request.base_url).rstrip("/")
    instance = crn_of(project) if project else None
    lines = client_variables(url, key, instance=instance, project=project or None)
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in lines.items())
