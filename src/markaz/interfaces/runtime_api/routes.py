"""The table of the runtime routes: what each does, and who may.

The same words as the REST interface's table; the rule of the verb or query ``does`` decides.
Paths that begin with ``/`` stand alone; the others stand under each of ``PREFIXES``.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from markaz.centre.access import QUERIES, VERBS, Act
from markaz.interfaces.rest_api.routes import Who

if TYPE_CHECKING:
    from markaz.interfaces.runtime_api.calls import Call

# The client takes an address with this word in it as it is, and derives others from its host.
PREFIXES: Final = ("/experimental/api/v1", "/api/v1")
_PARAMETER: Final = re.compile(r"\{(\w+)\}")

Handler = Callable[["Call"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address.

    ``does`` is empty where nothing of the centre is asked. ``poll``: clients ask for it again
    and again.
    """

    method: str
    path: str
    does: str
    who: Who
    summary: str
    handler: Handler
    poll: bool = False

    @property
    def act(self) -> Act:
        """The verb or query. Raises KeyError if nothing has that name."""
        return VERBS[self.does] if self.does in VERBS else QUERIES[self.does]

    @property
    def names(self) -> list[str]:
        """The names in the path."""
        return _PARAMETER.findall(self.path)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it is."""
        if self.path.startswith("/"):
            return (self.path,)
        return tuple(f"{prefix}/{self.path}" for prefix in PREFIXES)
