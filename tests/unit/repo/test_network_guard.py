"""Tests cannot reach other machines (the addresses are reserved for documentation)."""

from __future__ import annotations

import socket
import threading

import pytest


@pytest.mark.parametrize("address", ["192.0.2.1", "203.0.113.7", "example.invalid"])
@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_connection_to_another_machine_is_refused(method: str, address: str) -> None:
    with socket.socket() as s, pytest.raises(RuntimeError, match=address):
        getattr(s, method)((address, 80))


def test_connection_to_another_machine_over_ipv6_is_refused() -> None:
    with socket.socket(socket.AF_INET6) as s, pytest.raises(RuntimeError, match="2001:db8"):
        s.connect(("2001:db8::1", 80, 0, 0))


def test_datagram_to_another_machine_is_refused() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as s,
        pytest.raises(RuntimeError, match=r"192\.0\.2"),
    ):
        s.sendto(b"x", ("192.0.2.1", 9))


def test_name_of_another_machine_is_not_resolved() -> None:
    with pytest.raises(RuntimeError, match=r"example\.invalid"):
        socket.getaddrinfo("example.invalid", 80)


def test_loopback_is_open() -> None:
    def answer_once() -> None:
        server.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = threading.Thread(target=answer_once)
        answer.start()
        with socket.create_connection(server.getsockname(), timeout=5) as s:
            assert s.recv(1) == b""
        answer.join()
