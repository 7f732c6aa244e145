"""What keeps other sites out: headers, cookies, tokens against forgery, own addresses."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from markaz.centre.settings import Settings

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS: Final[dict[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
TOKEN_BYTES: Final = 32
YEAR: Final = 365 * 86_400
SESSION_SECONDS: Final = 12 * 3600
# cookie -> how long a browser keeps it
COOKIES: Final[dict[str, int]] = {
    "session": SESSION_SECONDS,
    "visitor": SESSION_SECONDS,
    "language": YEAR,
    "theme": YEAR,
}


class Cookies:
    """Names and flags of the portal's cookies; no script and no other site may read them.

    With https they are bound to this very host (``__Host-``), so that a neighbour in the
    same domain cannot plant one.
    """

    def __init__(self, settings: Settings) -> None:
        public = str(settings["public_url"]).lower()
        self._secure = bool(settings["tls_certificate"]) or public.startswith("https:")

    def name(self, what: str) -> str:
        """The cookie's full name."""
        assert what in COOKIES, what
        return f"__Host-markaz-{what}" if self._secure else f"markaz-{what}"

    def get(self, request: Request, what: str) -> str:
        """Its value; empty if there is none."""
        return request.cookies.get(self.name(what), "")[:200]

    def set(self, response: Response, what: str, value: str) -> None:
        """Have the browser keep ``value``; an empty one is forgotten."""
        response.set_cookie(
            self.name(what),
            value,
            max_age=COOKIES[what] if value else 0,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )


class Forgery:
    """Tokens that only our own pages can have, bound to one browser's session."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(b"markaz portal forms", key=key, digest_size=32).digest()

    def token(self, session: str) -> str:
        """A token for ``session`` (a secret of the browser), another text each time.

        What is sent is masked: a page is compressed, and the length of a compressed page
        would otherwise betray a fixed secret to whoever can have something reflected in it.
        """
        mask = secrets.token_bytes(TOKEN_BYTES)
        masked = bytes(a ^ b for a, b in zip(mask, self._proof(session), strict=True))
        return base64.urlsafe_b64encode(mask + masked).decode().rstrip("=")

    def fits(self, session: str, token: str) -> bool:
        """Whether ``token`` was made for ``session``."""
        try:
            data = base64.urlsafe_b64decode(token.encode("ascii") + b"==")
        except (binascii.Error, ValueError):
            return False
        if not session or len(data) != 2 * TOKEN_BYTES:
            return False
        mask, masked = data[:TOKEN_BYTES], data[TOKEN_BYTES:]
        proof = bytes(a ^ b for a, b in zip(mask, masked, strict=True))
        return hmac.compare_digest(proof, self._proof(session))

    def _proof(self, session: str) -> bytes:
        return hmac.digest(self._key, session.encode("utf-8", "surrogatepass"), "sha256")


def is_own_origin(request: Request, public_url: str) -> bool:
    """Whether a write comes from one of our own pages, as far as the browser says.

    ``Origin`` or else ``Referer`` must be ours. A client that sends neither has still to
    show the token.
    """
    said = request.headers.get("origin", request.headers.get("referer"))
    if said is None:
        return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
    own = {_origin(str(request.base_url)), _origin(public_url)} - {None}
    return _origin(said) in own


def _origin(url: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return parts.scheme, parts.hostname.lower(), port or (443 if parts.scheme == "https" else 80)


def own_path(text: str, otherwise: str) -> str:
    """``text`` if it is an address of this site and cannot be read as any other.

    Browsers drop tabs and line ends and take a backslash for a slash, so that only what
    begins with one slash and is plain printable ASCII passes.
    """
    plain = text.isascii() and text.isprintable() and len(text) <= 2000
    if not plain or not text.startswith("/") or text.startswith("//") or "\\" in text:
        return otherwise
    # "/./" and "/../" are resolved by browsers, and "/..//x" would end as "//x".
    path = text.partition("?")[0].partition("#")[0]
    parts = path.split("/")[1:]
    if "" in parts[:-1] or {".", ".."} & {part.lower().replace("%2e", ".") for part in parts}:
        return otherwise
    return text
