"""Documents signed with Ed25519 in envelopes as DSSE has them, and their verification.

An envelope holds the document as bytes, so nothing depends on how JSON is written. What is
signed is the type and the bytes with their lengths before them (DSSE's PAE). Nothing here
knows a centre: whoever has the public key can verify.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

KEY_FILE: Final = "signing.key"
TYPE: Final = "application/vnd.markaz.{kind}+json"
_PREFIX: Final = "application/vnd.markaz."
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64


class RecordError(ValueError):
    """A record that is not what it claims to be; the message says why."""


def signing_key(data: Path) -> bytes:
    """The centre's private key (32 bytes), made at the first call, readable by its owner only."""
    path = data / KEY_FILE
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        _write_new(path, os.urandom(_KEY_BYTES))
    return path.read_bytes()


def _write_new(path: Path, key: bytes) -> None:
    """A crash leaves no file or a whole one; of two processes one wins."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()


def public_key(private: bytes) -> bytes:
    """The public key (32 bytes) of a private one."""
    # cryptography takes a moment to load, and few processes sign.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def key_id(public: bytes) -> str:
    """``sha256:`` and 64 hexadecimal digits that name a public key."""
    return f"sha256:{hashlib.sha256(public).hexdigest()}"


def sign(kind: str, document: Mapping[str, Any], private: bytes) -> dict[str, Any]:
    """The envelope of a document of some ``kind`` ("acceptance")."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    payload = json.dumps(document, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
    named = TYPE.format(kind=kind)
    signature = Ed25519PrivateKey.from_private_bytes(private).sign(_signed(named, payload))
    made = {"keyid": key_id(public_key(private)), "sig": _text(signature)}
    return {"payloadType": named, "payload": _text(payload), "signatures": [made]}


def verify(envelope: object, public: bytes) -> tuple[str, dict[str, Any]]:
    """Kind and document of an envelope that the owner of ``public`` signed.

    Raises RecordError.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    named, payload, signatures = _opened(envelope)
    mine = [s for s in signatures if s[0] == key_id(public)]
    if not mine:
        raise RecordError(f"it is not signed with this key, but with {signatures[0][0]}")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(mine[0][1], _signed(named, payload))
    except InvalidSignature:
        raise RecordError("the signature does not fit: the record was altered") from None
    document = json.loads(payload)
    if not isinstance(document, dict):
        raise RecordError("what was signed is no document")
    return named.removeprefix(_PREFIX).removesuffix("+json"), document


def read_public(text: str) -> bytes:
    """A public key as it is shown: 44 characters of base 64. Raises RecordError."""
    key = _bytes(text.strip(), "the public key")
    if len(key) != _KEY_BYTES:
        raise RecordError(f"a public key has {_KEY_BYTES} bytes, this one {len(key)}")
    return key


def shown(public: bytes) -> str:
    """A public key as people pass it on."""
    return _text(public)


def _opened(envelope: object) -> tuple[str, bytes, list[tuple[str, bytes]]]:
    try:
        assert isinstance(envelope, Mapping)
        named, payload = envelope["payloadType"], envelope["payload"]
        rows = [(row["keyid"], row["sig"]) for row in envelope["signatures"]]
    except (AssertionError, KeyError, TypeError):
        raise RecordError("it is no signed record") from None
    texts = [named, payload, *(part for row in rows for part in row)]
    if not rows or not all(isinstance(text, str) for text in texts):
        raise RecordError("it is no signed record")
    if not named.startswith(_PREFIX):
        raise RecordError(f"{named!r:.60} is no record of a centre")
    signatures = [(name, _bytes(sig, "a signature")) for name, sig in rows]
    if any(len(sig) != _SIGNATURE_BYTES for _, sig in signatures):
        raise RecordError("a signature has the wrong length")
    return named, _bytes(payload, "the payload"), signatures


def _signed(named: str, payload: bytes) -> bytes:
    kind = named.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RecordError(f"{what} is not base 64") from None
