"""For all tests: no network beyond this machine, and the two hypothesis profiles."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    derandomize=True,
    max_examples=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],  # two busy cores are slow, not wrong
)
settings.register_profile(
    "nightly", settings.get_profile("ci"), derandomize=False, max_examples=1000
)
settings.load_profile("ci")


class NetworkRefused(RuntimeError):
    """A test tried to reach another machine."""


def is_local(address: Any) -> bool:
    """Whether a socket address (a path, or host and port) stays on this machine."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in ("", "localhost")


def guarded(original: Any, position: int) -> Any:
    """``original``, a method of socket, refusing addresses (argument ``position``) elsewhere."""

    def call(*args: Any, **kwargs: Any) -> Any:
        address = args[position] if len(args) > position else None
        if not is_local(address):
            raise NetworkRefused(f"{original.__name__} to {address!r}")
        return original(*args, **kwargs)

    return call


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse connections beyond loopback, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name), 1))
        patch.setattr(socket, "getaddrinfo", _resolver(socket.getaddrinfo))
        patch.setattr(socket.socket, "sendto", _sender(socket.socket.sendto))
        yield


def _resolver(original: Any) -> Any:
    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not is_local((name, 0)):
            raise NetworkRefused(f"getaddrinfo of {name!r}")
        return original(host, *args, **kwargs)

    return getaddrinfo


def _sender(original: Any) -> Any:
    def sendto(self: socket.socket, data: bytes, *rest: Any) -> Any:
        if rest and not is_local(rest[-1]):
            raise NetworkRefused(f"sendto {rest[-1]!r}")
        return original(self, data, *rest)

    return sendto
