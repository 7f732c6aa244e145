"""The wire between centre and workers: over a real server, frames whole and in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.sync.client import connect

from markaz.centre.access import Principal
from markaz.centre.errors import CentreError
from markaz.centre.settings import Settings
from markaz.centre.workers.links import Link, LinkClosed
from markaz.interfaces.server import _Web, listening
from markaz.interfaces.worker_api.client import WebSocketLink, open_link
from markaz.interfaces.worker_api.server import WorkerSocket
from tests.waiting import until

LARGE = 24 << 20


class Echo:
    """A dispatcher that sends every frame back, and remembers its links."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.ended = threading.Semaphore(0)

    def serve(self, link: Link) -> None:
        self.links.append(link)
        try:
            while True:
                frame = link.receive()
                if frame == b"fail":
                    raise RuntimeError("a fault")
                if frame == b"hang up":
                    return
                link.send(frame)
        finally:
            self.ended.release()


def authenticate(token: str) -> Principal:
    if token not in ("worker", "user"):
        raise CentreError("unauthenticated", "no")
    return Principal(token, token)


@pytest.fixture
def served() -> Iterator[tuple[str, Echo, WorkerSocket]]:
    echo = Echo()
    socket = WorkerSocket(authenticate, echo)
    with listening(Settings({"port": 0})) as listener:
        config = uvicorn.Config(
            Starlette(routes=[socket.route()]), ws="websockets-sansio", ws_max_size=LARGE + 100,
            lifespan="off", log_config=None, timeout_graceful_shutdown=2,
        )  # fmt: skip
        web = _Web(config)
        thread = threading.Thread(target=lambda: web.run(sockets=[listener]))
        thread.start()
        until(lambda: web.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", echo, socket
        socket.close()
        web.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


Served = tuple[str, Echo, WorkerSocket]


@pytest.fixture
def link(served: Served) -> Iterator[WebSocketLink]:
    opened = open_link(served[0], "worker")
    yield opened
    opened.close()


def test_frames_come_back_whole_and_in_order(link: WebSocketLink) -> None:
    frames = [b"", b"a", bytes(range(256)) * 1000, b"x" * LARGE, b"\n\0", b"end"]
    for frame in frames:
        link.send(frame)
    assert [link.receive() for _ in frames] == frames


def test_many_threads_may_send(link: WebSocketLink) -> None:
    def send(number: int) -> None:
        for count in range(50):
            link.send(b"%d %d" % (number, count))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    found = [link.receive() for _ in range(200)]
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(b"%d %d" % (n, c) for n in range(4) for c in range(50))
    assert [f for f in found if f.startswith(b"2 ")] == [b"2 %d" % c for c in range(50)]


@pytest.mark.parametrize("key", ["user", "wrong", ""])
def test_only_worker_keys_enter(served: Served, key: str) -> None:
    url, echo, _ = served
    with pytest.raises(CentreError) as caught:
        open_link(url, key)
    assert (caught.value.kind, echo.links) == ("unauthenticated", [])


def test_without_a_key_nobody_enters(served: Served) -> None:
    url, echo, _ = served
    with pytest.raises(Exception, match="403"):
        connect(url.replace("http", "ws") + "/v1/worker", proxy=None)
    assert httpx.get(url + "/v1/worker").status_code == 404
    assert echo.links == []


def test_nobody_there_may_be_tried_again() -> None:
    with listening(Settings({"port": 0})) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(LinkClosed):
        open_link(f"http://127.0.0.1:{port}", "worker")


@pytest.mark.parametrize("last", [b"fail", b"hang up"])
def test_when_the_centre_ends_it_the_worker_hears(link: WebSocketLink, last: bytes) -> None:
    link.send(b"one")
    assert link.receive() == b"one"
    link.send(last)
    with pytest.raises(LinkClosed):
        link.receive()
    with pytest.raises(LinkClosed):
        until(lambda: link.send(b"x" * 1000))


def test_when_the_worker_goes_the_centre_hears(served: Served) -> None:
    url, echo, _ = served
    opened = open_link(url, "worker")
    opened.send(b"one")
    assert opened.receive() == b"one"
    opened.close()
    assert echo.ended.acquire(timeout=5)
    with pytest.raises(LinkClosed):
        echo.links[0].send(b"late")


def test_text_is_no_frame(served: Served) -> None:
    url, echo, _ = served
    headers = {"Authorization": "Bearer worker"}
    with connect(
        url.replace("http", "ws") + "/v1/worker", additional_headers=headers, proxy=None
    ) as raw:
        raw.send("text")
        assert echo.ended.acquire(timeout=5)


def test_a_frame_beyond_the_limit_ends_the_connection(link: WebSocketLink, served: Served) -> None:
    with pytest.raises(LinkClosed):
        link.send(b"x" * (LARGE + 1000))
        link.receive()
    assert served[1].ended.acquire(timeout=5)


def test_closing_the_socket_hangs_up_on_all(served: Served) -> None:
    url, _, socket = served
    links = [open_link(url, "worker") for _ in range(3)]
    for one in links:
        one.send(b"here")
        assert one.receive() == b"here"
    socket.close()
    for one in links:
        with pytest.raises(LinkClosed):
            one.receive()


def test_a_worker_that_does_not_read_is_let_go(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("markaz.interfaces.worker_api.server.MOST_UNSENT", 1 << 20)
    url, echo, _ = served
    opened = open_link(url, "worker")
    opened.send(b"one")
    assert opened.receive() == b"one"
    refused: list[Any] = []

    def flood() -> None:
        try:
            for _ in range(200):
                echo.links[0].send(b"x" * (1 << 20))
        except LinkClosed as error:
            refused.append(str(error))

    flood()
    assert refused
    assert "behind" in refused[0]
    opened.close()
