"""Logging in through an OpenID Connect issuer: authorization code with PKCE.

What is started is remembered here, bound to one browser, used once and for ten minutes at
most. Everything that the issuer sends is checked: signature, issuer, audience, authorised
party, times and nonce. Whoever it is, is told by issuer and subject alone.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import structlog

from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings

if TYPE_CHECKING:
    import httpx

_log: Final = structlog.get_logger(__name__)
LIVES_SECONDS: Final = 600.0
MOST_ATTEMPTS: Final = 10_000
KEYS_KEPT_SECONDS: Final = 3600.0
KEYS_APART_SECONDS: Final = 30.0  # however many tokens name unknown keys
LEEWAY_SECONDS: Final = 60
LONGEST_SECONDS: Final = 24 * 3600  # that a token may have been issued ago
MOST_BYTES: Final = 1 << 20  # of any answer
TIMEOUT_SECONDS: Final = 10.0
# Public-key signatures only: with HMAC a key that everybody knows would sign.
ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "EdDSA",
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login that was begun: the secrets that its end must match."""

    browser: str
    nonce: str
    verifier: str
    next: str
    person: str  # who links an identity; empty for a login
    until: float


class OpenId:
    """The issuer of the settings, if there is one. One for a server; for any thread."""

    def __init__(
        self, settings: Settings, transport: Any = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.issuer = str(settings["oidc_issuer"])
        self._client = str(settings["oidc_client_id"])
        self._secret = str(settings["oidc_client_secret"])
        self.name = ""
        if self.issuer and self._client:
            self.name = str(settings["oidc_name"]) or urlsplit(self.issuer).hostname or self.issuer
        self._transport = transport
        self._clock = clock
        self._attempts: OrderedDict[str, Attempt] = OrderedDict()
        self._lock = threading.Lock()
        self._about: dict[str, Any] = {}
        self._keys: Any = None
        self._keys_at = -KEYS_KEPT_SECONDS

    def begin(self, browser: str, back: str, to: str, person: str = "") -> str:
        """The issuer's address to go to; ``back`` is ours for the way back.

        Raises CentreError ``not-found`` without an issuer, ``unavailable`` if it does not
        answer.
        """
        from authlib.common.security import generate_token  # noqa: PLC0415 - for few visits
        from authlib.oauth2.client import OAuth2Client  # noqa: PLC0415 - the same

        if not self.name:
            raise CentreError("not-found", "there is no such page")
        state, nonce, verifier = (generate_token(48) for _ in range(3))
        client = OAuth2Client(
            None, self._client, scope="openid", redirect_uri=back, code_challenge_method="S256"
        )
        endpoint = self._address("authorization_endpoint")
        url, _ = client.create_authorization_url(
            endpoint, state=state, code_verifier=verifier, nonce=nonce
        )
        until = self._clock() + LIVES_SECONDS
        self._remember(state, Attempt(_hashed(browser), nonce, verifier, to, person, until))
        return str(url)

    def end(self, browser: str, back: str, state: str, code: str) -> tuple[Attempt, str]:
        """What was begun with ``state`` in this browser, and the subject that logged in.

        Raises CentreError ``unauthenticated`` for whatever does not fit, ``unavailable`` if
        the issuer does not answer.
        """
        attempt = self._recall(state, browser)
        if not code:
            raise _refused("the issuer sent no code")
        claims = self._claims(self._token(code, back, attempt.verifier), attempt.nonce)
        return attempt, str(claims["sub"])

    def _remember(self, state: str, attempt: Attempt) -> None:
        with self._lock:
            self._attempts[_hashed(state)] = attempt
            while len(self._attempts) > MOST_ATTEMPTS:
                self._attempts.popitem(last=False)

    def _recall(self, state: str, browser: str) -> Attempt:
        with self._lock:
            attempt = self._attempts.pop(_hashed(state), None)
        if attempt is None or attempt.until <= self._clock():
            raise _refused("this login was not begun here, or too long ago")
        if attempt.browser != _hashed(browser):
            raise _refused("this login was begun in another browser")
        return attempt

    # The issuer.

    def _http(self) -> httpx.Client:
        import httpx  # noqa: PLC0415 - for few visits

        return httpx.Client(
            transport=self._transport, timeout=TIMEOUT_SECONDS, follow_redirects=False
        )

    def _get(self, url: str) -> Any:
        import httpx  # noqa: PLC0415 - for few visits

        try:
            with self._http() as http, http.stream("GET", url) as answer:
                data = b""
                for chunk in answer.iter_bytes():
                    data += chunk
                    if len(data) > MOST_BYTES:
                        raise _silent("its answer is too long")
                if answer.status_code != 200:
                    raise _silent(f"it answers with {answer.status_code}")
                found = httpx.Response(200, content=data).json()
        except (httpx.HTTPError, ValueError) as error:
            raise _silent(type(error).__name__) from None
        if not isinstance(found, dict):
            raise _silent("its answer is no document")
        return found

    def _address(self, name: str) -> str:
        """One of the issuer's addresses, of its own description of itself."""
        if not self._about:
            about = self._get(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if about.get("issuer") != self.issuer:
                raise _silent("it says that it is another issuer")
            self._about = about
        url = str(self._about.get(name, ""))
        parts, own = urlsplit(url), urlsplit(self.issuer)
        if parts.scheme != "https" and (parts.scheme, parts.hostname) != (own.scheme, own.hostname):
            raise _silent(f"its {name} is not https")
        return url

    def _token(self, code: str, back: str, verifier: str) -> str:
        """The identity token that the issuer gives for a code."""
        import httpx  # noqa: PLC0415 - for few visits

        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
            "client_id": self._client,
        }
        login = (self._client, self._secret) if self._secret else None
        try:
            with self._http() as http:
                answer = http.post(
                    self._address("token_endpoint"),
                    data=form,
                    auth=login or httpx.USE_CLIENT_DEFAULT,
                    headers={"Accept": "application/json"},
                )
                found = answer.json() if len(answer.content) <= MOST_BYTES else {}
        except (httpx.HTTPError, ValueError) as error:
            raise _silent(type(error).__name__) from None
        if answer.status_code != 200 or not isinstance(found, dict):
            raise _refused("the issuer does not take its own code")
        return str(found.get("id_token", ""))

    # The identity token.

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        from authlib.oidc.core import CodeIDToken  # noqa: PLC0415 - for few visits
        from joserfc.errors import JoseError  # noqa: PLC0415 - the same

        try:
            decoded = self._decoded(token)
            options = {"iss": {"essential": True, "value": self.issuer}}
            params = {"nonce": nonce, "client_id": self._client}
            claims = CodeIDToken(decoded.claims, decoded.header, options, params)
            claims.validate(int(self._clock()), LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _refused(f"its token does not hold: {type(error).__name__}") from None
        self._check(decoded.claims, nonce)
        return dict(decoded.claims)

    def _check(self, claims: dict[str, Any], nonce: str) -> None:
        """What the library leaves open, and the most important of it once more."""
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        now = self._clock()
        times = [claims.get(name) for name in ("iat", "exp")]
        if any(not isinstance(t, int | float) or isinstance(t, bool) for t in times):
            raise _refused("its token has no times")
        issued, ends = (float(t) for t in times if t is not None)
        subject = claims.get("sub")
        if claims.get("iss") != self.issuer or claims.get("nonce") != nonce:
            raise _refused("its token is for another login")
        if self._client not in named or (len(named) > 1 and claims.get("azp") != self._client):
            raise _refused("its token is for another centre")
        if not now - LONGEST_SECONDS <= issued <= now + LEEWAY_SECONDS or ends <= now:
            raise _refused("its token is not of now")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise _refused("its token names nobody")

    def _decoded(self, token: str) -> Any:
        from joserfc import jwt  # noqa: PLC0415 - for few visits

        kid = _key_name(token)
        return jwt.decode(token, self._key(kid), algorithms=list(ALGORITHMS))

    def _key(self, kid: str | None) -> Any:
        """The issuer's key of that name; without a name its only one."""
        for look in (False, True):
            keys = [k for k in self._key_set(again=look) if kid is None or k.kid == kid]
            if len(keys) == 1:
                return keys[0]
            if keys:
                break
        raise _refused("its token is signed with a key that is not the issuer's")

    def _key_set(self, *, again: bool) -> list[Any]:
        from joserfc.jwk import KeySet  # noqa: PLC0415 - for few visits

        age = self._clock() - self._keys_at
        if self._keys is None or age > (KEYS_APART_SECONDS if again else KEYS_KEPT_SECONDS):
            found = self._get(self._address("jwks_uri"))
            known = [k for k in found.get("keys", ()) if k.get("kty") in ("RSA", "EC", "OKP")]
            signing = [k for k in known if k.get("use", "sig") == "sig"]
            self._keys = KeySet.import_key_set({"keys": signing}).keys
            self._keys_at = self._clock()
        return list(self._keys)


def _key_name(token: str) -> str | None:
    """The key that a token says it is signed with; only the form of the header is trusted."""
    from joserfc.errors import JoseError  # noqa: PLC0415 - for few visits
    from joserfc.jws import extract_compact  # noqa: PLC0415 - the same

    try:
        header = extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError) as error:
        raise _refused(f"its token is none: {type(error).__name__}") from None
    kid = header.get("kid")
    if header.get("alg") not in ALGORITHMS or not isinstance(kid, str | None):
        raise _refused("its token is signed in a way that is not taken")
    return kid


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _refused(why: str) -> CentreError:
    _log.warning("openid.refused", why=why)
    return CentreError("unauthenticated", "this login elsewhere does not hold; begin again")


def _silent(why: str) -> CentreError:
    _log.warning("openid.silent", why=why)
    return CentreError("unavailable", "the issuer cannot be reached; try again later")
