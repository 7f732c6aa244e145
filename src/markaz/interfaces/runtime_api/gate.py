"""Who is let in: logins, keys, and clients that gave their key away on the way here."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import Any, Final

from starlette.requests import Request

from markaz.centre.access import ANONYMOUS, QUERIES, SYSTEM, VERBS, Principal
from markaz.centre.centre import Centre
from markaz.centre.errors import CentreError
from markaz.centre.people import tokens as keys
from markaz.centre.people.keys import Authenticator
from markaz.interfaces.rest_api.gate import Gate as SharedGate
from markaz.interfaces.rest_api.routes import Who
from markaz.interfaces.runtime_api.calls import Call
from markaz.interfaces.runtime_api.tokens import Tokens

REMEMBERED: Final = 10_000
REFUSED_SECONDS: Final = 600.0  # that a key which could not log in here is remembered
NOTED_EVERY: Final = 60.0
HOW: Final = (
    "IAM_URL is not set where this program runs. Without it your client sent your key to the login "
    "service of a third party (iam.cloud.ibm.com) before it came here: the key must be rotated."
)


class Gate:
    """One for a server; its methods are called in the server's loop."""

    def __init__(
        self, centre: Centre, shared: SharedGate, authenticator: Authenticator, logins: Tokens
    ) -> None:
        self._centre, self._shared = centre, shared
        self._authenticator, self._logins = authenticator, logins
        self._refused: OrderedDict[str, float] = OrderedDict()  # keys by their hash
        self._noted: OrderedDict[str, float] = OrderedDict()

    async def admit(self, call: Call) -> None:
        """Set ``call.actor``, ``call.login`` and the rate-limit headers.

        Raises CentreError ``unauthenticated`` or ``rate-limited``.
        """
        try:
            call.actor, call.login = await self._who(call)
        except CentreError:
            self._shared.count(call.request, ANONYMOUS)
            raise
        poll = call.route.poll
        call.headers.update(self._shared.count(call.request, call.actor, poll=poll))
        if call.actor.known:
            call.request.scope["state"]["actor"] = call.actor.id
        elif call.route.who is not Who.ANYONE:
            raise CentreError("unauthenticated", "log in first: this came without a login")

    async def log_in(self, request: Request, key: str) -> tuple[str, int]:
        """A token for ``key`` and when it ends.

        Raises CentreError ``unauthenticated``, ``rate-limited`` after too many bad keys.
        """
        self._shared.check_failures(request)
        digest = keys.hashed(key)
        try:
            actor = await self._holder(key)
        except CentreError as error:
            if error.kind == "unauthenticated":
                self._shared.count_failure(request)
                self._remember(self._refused, digest)
                raise await self._explained(error, digest) from None
            raise
        self._shared.count(request, actor)
        if time.monotonic() - self._noted.get(digest, -NOTED_EVERY) >= NOTED_EVERY:
            self._remember(self._noted, digest)
            self._centre.perform_later(VERBS["keys.note_sign_in"], SYSTEM, key=actor.key)
        seconds = int(60 * self._centre.services.settings["token_minutes"])
        return self._logins.issue(digest, seconds)

    async def _who(self, call: Call) -> tuple[Principal, str]:
        header = call.request.headers.get("authorization")
        if header is None:
            return ANONYMOUS, ""
        scheme, _, given = header.partition(" ")
        given = given.strip()
        if scheme.lower() == "apikey":
            raise await self._given_away(call, given)
        if scheme.lower() != "bearer" or not given:
            raise CentreError("unauthenticated", "send a login as `Authorization: Bearer …`")
        if given.startswith("mkz_"):
            return await self._holder(given), ""
        login = self._logins.read(given)
        found = self._authenticator.recall_hash(login.digest)
        if found is None:
            found = await asyncio.to_thread(self._authenticator.authenticate_hash, login.digest)
        return found, login.number

    async def _holder(self, key: str) -> Principal:
        """The person whose key it is. Raises CentreError ``unauthenticated``."""
        found = self._authenticator.recall(key)
        if found is None:
            found = await asyncio.to_thread(self._authenticator.authenticate, key)
        if not found.known:
            raise CentreError("unauthenticated", "this is a worker's key: it opens nothing here")
        return found

    async def _given_away(self, call: Call, key: str) -> CentreError:
        """What to say to a client that shows its key itself, which none does after a login."""
        url, digest = self._url(call.request), keys.hashed(key)
        try:
            owner = await self._holder(key)
        except CentreError as error:
            if error.kind != "unauthenticated":
                return error
            return await self._bare(error, url, digest)
        done = await self._perform("keys.leaked", owner)
        return _lost("It has been revoked.", url) if done["revoked"] else _perhaps(url)

    async def _bare(self, error: CentreError, url: str, digest: str) -> CentreError:
        """A key that is not valid came without a login: because of that, or without IAM_URL."""
        explained = await self._explained(error, digest)
        known = time.monotonic() - self._refused.get(digest, -REFUSED_SECONDS) < REFUSED_SECONDS
        if known:
            solution = f"Make a new key at {url} (`markaz keys create`) for QISKIT_IBM_TOKEN."
            return _refusal(explained.message, solution)
        if explained is not error:
            return _lost("It was revoked.", url)
        return _perhaps(url, f"The login or the key failed: {error.message}. ")

    async def _explained(self, error: CentreError, digest: str) -> CentreError:
        """``error`` with the reason that its holder should know."""
        why = await self._ask("keys.refusal", digest=digest)
        return error if why is None else CentreError("unauthenticated", why)

    async def _perform(self, verb: str, actor: Principal) -> Any:
        return await asyncio.wrap_future(self._centre.perform_later(VERBS[verb], actor))

    async def _ask(self, query: str, **arguments: Any) -> Any:
        asked = self._centre.ask_later(QUERIES[query], SYSTEM, **arguments)
        return await asyncio.wrap_future(asked)

    def _url(self, request: Request) -> str:
        public = str(self._centre.services.settings["public_url"]).rstrip("/")
        return public or f"{request.url.scheme}://{request.url.netloc}"

    def _remember(self, where: OrderedDict[str, float], digest: str) -> None:
        where[digest] = time.monotonic()
        where.move_to_end(digest)
        while len(where) > REMEMBERED:
            where.popitem(last=False)


def _lost(done: str, url: str) -> CentreError:
    return _refusal(f"{HOW} {done}", _mending(url))


def _perhaps(url: str, first: str = "") -> CentreError:
    message = (
        f"{first}This request came with a key instead of a login, as from a program without "
        "IAM_URL. If that is not set, the client sent the key to the login service of a third "
        f"party first, and the key must be rotated. If it is set, the login at {url} failed."
    )
    return _refusal(message, _mending(url))


def _mending(url: str) -> str:
    return (
        f'Set IAM_URL={url} (`eval "$(markaz env)"` sets all variables), make a new key (`markaz '
        "keys create`), put it in QISKIT_IBM_TOKEN and revoke the old one."
    )


def _refusal(message: str, solution: str) -> CentreError:
    return CentreError("unauthenticated", message, solution=solution)
