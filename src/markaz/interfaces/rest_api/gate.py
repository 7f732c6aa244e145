"""Who is let in: keys, rate limits by person, by address and for all, failed logins."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Final

from starlette.requests import Request

from markaz.centre.access import ANONYMOUS, Principal
from markaz.centre.errors import CentreError
from markaz.centre.people.keys import Authenticator
from markaz.centre.settings import Settings
from markaz.interfaces.rest_api.calls import Call
from markaz.interfaces.rest_api.limits import Limit, Standing
from markaz.interfaces.rest_api.routes import Who

_ALL: Final = ""
POLLS: Final = 10  # times as many polls as other requests: a thousand waiting jobs of one person


class Gate:
    """One for a server. Only a key in ``Authorization: Bearer`` opens it, no cookie."""

    def __init__(self, settings: Settings, authenticator: Authenticator) -> None:
        self.authenticator = authenticator
        self._everybody = Limit(int(settings["requests_per_minute_total"]))
        self._person = Limit(int(settings["requests_per_minute"]))
        self._polls = Limit(POLLS * int(settings["requests_per_minute"]))
        self._address = Limit(int(settings["requests_per_minute_anonymous"]))
        self._failures = Limit(int(settings["logins_per_minute"]))

    async def admit(self, call: Call) -> None:
        """Set ``call.actor`` and the rate-limit headers.

        Raises CentreError ``rate-limited``, or ``unauthenticated`` for a bad key or, where
        the route needs one, no key.
        """
        _refuse(self._everybody.take(_ALL), "the centre gets too many requests")
        bearer = bearer_of(call.request)
        if bearer is None:
            self._admit_stranger(call)
            if call.route.who is not Who.ANYONE:
                raise _no_key()
            return
        try:
            call.actor = await self._principal(bearer)
        except CentreError:
            self._admit_stranger(call)
            raise
        standing = self._person.take(call.actor.id)
        call.headers.update(standing.headers("person"))
        call.request.scope["state"]["actor"] = call.actor.id
        _refuse(standing, "you send too many requests")

    def count(self, request: Request, actor: Principal, *, poll: bool = False) -> dict[str, str]:
        """Count a request that comes in by another door (the portal's, the runtime client's).

        ``poll``: one of those that a client sends for each waiting job; they are cheap, and
        have a limit of their own. Returns the rate-limit headers.
        Raises CentreError ``rate-limited``.
        """
        _refuse(self._everybody.take(_ALL), "the centre gets too many requests")
        if actor.known and poll:
            standing, name = self._polls.take(actor.id), "polls"
        elif actor.known:
            standing, name = self._person.take(actor.id), "person"
        else:
            standing, name = self._address.take(network_of(request)), "address"
        _refuse(standing, "too many requests come from you")
        return standing.headers(name)

    async def actor_of(self, request: Request) -> Principal:
        """Who asks; ``ANONYMOUS`` without a key. Raises CentreError for a bad one."""
        bearer = bearer_of(request)
        return ANONYMOUS if bearer is None else await self._principal(bearer)

    def check_failures(self, request: Request) -> None:
        """Raise ``rate-limited`` if too many logins from this address failed.

        How often one account may be tried is counted in the database (``people.login``).
        """
        _refuse(self._failures.look(network_of(request)), "too many failed logins")

    def count_failure(self, request: Request) -> None:
        """Note that a login failed."""
        self._failures.take(network_of(request))

    def _admit_stranger(self, call: Call) -> None:
        standing = self._address.take(network_of(call.request))
        call.headers.update(standing.headers("address"))
        _refuse(standing, "too many requests without a key come from your address")

    async def _principal(self, bearer: str) -> Principal:
        known = self.authenticator.recall(bearer)
        if known is not None:
            return known
        # In a thread, since the database is asked.
        return await asyncio.to_thread(self.authenticator.authenticate, bearer)


def bearer_of(request: Request) -> str | None:
    """The key of a request. Raises CentreError for another way of saying who one is."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise CentreError("unauthenticated", "send a key as `Authorization: Bearer mkz_…`")
    return token.strip()


def network_of(request: Request) -> str:
    """The caller's address; of an IPv6 address the half that a caller cannot choose."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


def _no_key() -> CentreError:
    return CentreError("unauthenticated", "log in first, or send a key")


def _refuse(standing: Standing, why: str) -> None:
    if standing.refused:
        raise CentreError("rate-limited", why, retry_after=standing.retry_after)
