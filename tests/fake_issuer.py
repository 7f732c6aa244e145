"""An OpenID Connect issuer in this process: honest by default, as broken as a test wants it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

ISSUER = "https://issuer.example"
CLIENT = "centre"
SECRET = "between us"
RSA = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
NEXT = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
CURVE = ECKey.generate_key("P-256", {"kid": "curve", "use": "sig"})


def signed(claims: dict[str, Any], *, key: Any = RSA, **header: Any) -> str:
    """``claims`` as a token."""
    head = {"alg": "RS256", "kid": "one"} | header
    return str(jwt.encode(head, claims, key, algorithms=[head["alg"]]))


def unsigned(claims: dict[str, Any], signature: str = "", **header: Any) -> str:
    """A token whose signature is whatever is wanted."""
    parts = ({"alg": "none", "kid": "one"} | header, claims)
    return ".".join([*(_part(json.dumps(one).encode()) for one in parts), signature])


def hmac_with_the_public_key(claims: dict[str, Any]) -> str:
    """HS256 with what everybody knows as the secret."""
    public = RSA.as_pem(private=False)
    head = {"alg": "HS256", "kid": "one"}
    key = OctKey.import_key(base64.urlsafe_b64encode(public).decode())
    parts = f"{_part(json.dumps(head).encode())}.{_part(json.dumps(claims).encode())}"
    import hmac

    mac = hmac.digest(key.get_op_key("sign"), parts.encode(), hashlib.sha256)
    return f"{parts}.{_part(mac)}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass
class Issuer:
    """Answers discovery, keys and codes. ``make`` turns honest claims into the token sent."""

    subject: str = "ayesha"
    now: Callable[[], float] = lambda: 1000.0
    make: Callable[[dict[str, Any]], Any] = signed
    keys: list[Any] = field(default_factory=lambda: [RSA, CURVE])
    about: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    asked: list[httpx.Request] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def log_in(self, url: str) -> dict[str, str]:
        """Whoever is sent to ``url`` logs in there: the parameters of the way back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"state": asked["state"], "code": code}

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.status != 200:
            return httpx.Response(self.status, text="no")
        match request.url.path:
            case "/.well-known/openid-configuration":
                return httpx.Response(200, json=self.description())
            case "/keys":
                public = [key.as_dict(private=False) for key in self.keys]
                return httpx.Response(200, json={"keys": public})
            case "/token":
                return self.token(request)
        return httpx.Response(404)

    def description(self) -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
        } | self.about

    def token(self, request: httpx.Request) -> httpx.Response:
        """The token for a code, once, for whoever knows the verifier and where it goes back."""
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        asked = self.codes.pop(form["code"], None)
        challenge = _part(hashlib.sha256(form["code_verifier"].encode()).digest())
        if asked is None or asked["code_challenge"] != challenge:
            return httpx.Response(400, json={"error": "invalid_grant"})
        if form["redirect_uri"] != asked["redirect_uri"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        made = self.make(self.claims(asked["nonce"]))
        return httpx.Response(200, json={"access_token": "a", "id_token": made})

    def claims(self, nonce: str) -> dict[str, Any]:
        now = int(self.now())
        return {"iss": ISSUER, "sub": self.subject, "aud": CLIENT, "nonce": nonce,
                "iat": now, "exp": now + 300}  # fmt: skip
