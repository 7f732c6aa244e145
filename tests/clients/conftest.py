"""Real centres and real clients.

place       a centre over http and a person of its demo project
tls_place   the same over https, with an authority of its own
client      a guest (see guests.py): the newest client over http, and in the nightly run
            also over https, and the oldest one
"""

from __future__ import annotations

import datetime
import ipaddress
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.clients.guests import Guest, Place, fresh, guest, variables
from tests.running_centre import centre_running

DEVICE = "simulator"  # all tests are about this device, but those that ask for a noisy one
NOISY_DEVICE = "indus"
PERSON = "ayesha"
SECOND_PROJECT = "second"
DAY = 86_400 * 1_000_000  # microseconds
SIGMAS = 6.0  # two in 10^9 comparisons of a right client fail


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("clients-http")
    with centre_running(folder / "data", MARKAZ_LOG_LEVEL="warning") as up:
        yield prepared(Place(up, up.secrets["people"][PERSON]))


@pytest.fixture(scope="session")
def tls_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("clients-https")
    authority = make_certificates(folder)
    settings = {
        "MARKAZ_TLS_CERTIFICATE": str(folder / "server.pem"),
        "MARKAZ_TLS_KEY": str(folder / "server.key"),
        "MARKAZ_LOG_LEVEL": "warning",
    }
    trust = {"SSL_CERT_FILE": str(authority), "REQUESTS_CA_BUNDLE": str(authority)}
    with centre_running(folder / "data", **settings, **trust) as up:  # its workers trust it too
        yield prepared(Place(up, up.secrets["people"][PERSON], trust))


def prepared(where: Place) -> Place:
    """The place with a second project for the person, so that there is something to discover."""
    with where.rest(where.up.key) as operator:
        project = {"slug": SECOND_PROJECT, "title": "Second project", "pi": PERSON}
        operator.post("/projects", project)
        now = time.time_ns() // 1000
        grant = {"amount": 10**9, "starts_at": now, "ends_at": now + DAY}
        operator.post(f"/projects/{SECOND_PROJECT}/credits/grants", grant)
    return where


@pytest.fixture(
    scope="session",
    params=[
        "newest-http",
        pytest.param("newest-https", marks=pytest.mark.nightly),
        pytest.param("oldest-http", marks=pytest.mark.nightly),
    ],
)
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guest]:
    name, _, scheme = request.param.partition("-")
    where: Place = request.getfixturevalue("tls_place" if scheme == "https" else "place")
    with guest_at(where, name, tmp_path_factory.mktemp(request.param)) as found:
        yield found


def guest_at(where: Place, name: str, folder: Path, **changes: str) -> Any:
    """A guest with what ``markaz env`` prints; ``changes`` go before that."""
    printed = {**variables(where), **where.trust, "TEST_DEVICE": DEVICE, **changes}
    return guest(name, fresh(folder, **printed), folder / "guest.log", where)


@pytest.fixture
def close() -> Callable[[float, int, float], bool]:
    """Whether a count of so many shots agrees with a probability."""

    def agrees(count: float, shots: int, probability: float) -> bool:
        spread = math.sqrt(probability * (1 - probability) * shots)
        return abs(count - probability * shots) <= SIGMAS * spread + 1e-9

    return agrees


def make_certificates(folder: Path) -> Path:
    """An authority and a certificate for 127.0.0.1 in ``folder``; the authority's file."""
    ca_key, ca = _signed("Test authority", None, None)
    key, certificate = _signed("127.0.0.1", ca_key, ca)
    _write(folder / "ca.pem", ca)
    _write(folder / "server.pem", certificate)
    plain = serialization.NoEncryption()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "server.key").write_bytes(key.private_bytes(*form))
    return folder / "ca.pem"


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _signed(
    name: str, by: ec.EllipticCurvePrivateKey | None, issuer: x509.Certificate | None
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return key, builder.sign(by or key, hashes.SHA256())
