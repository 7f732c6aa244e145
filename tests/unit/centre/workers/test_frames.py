from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest

from markaz.centre.workers import frames


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, frames.Incoming]]:
    """The other end, and what reads this one."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield theirs, frames.Incoming(ours.fileno(), 1000)


Ends = tuple[socket.socket, frames.Incoming]


def test_frames_arrive_whole_however_they_were_cut(ends: Ends) -> None:
    theirs, reader = ends
    data = frames.pack({"a": 1}, b"body") + frames.pack({}) + frames.pack({"b": [2]}, b"\n\0")
    found = []
    for i in range(len(data)):
        theirs.send(data[i : i + 1])
        assert reader.pump()
        while (frame := reader.take()) is not None:
            found.append(frame)
    assert found == [({"a": 1}, b"body"), ({}, b""), ({"b": [2]}, b"\n\0")]


def test_the_end_of_the_stream_is_an_eof_error(ends: Ends) -> None:
    theirs, reader = ends
    theirs.send(frames.pack({"a": 1}, b"body")[:-1])
    theirs.close()
    with pytest.raises(EOFError):
        reader.next(time.monotonic() + 5)


def test_silence_is_noticed_in_time(ends: Ends) -> None:
    _, reader = ends
    started = time.monotonic()
    with pytest.raises(frames.FrameLate):
        reader.next(started + 0.05)
    assert 0.04 < time.monotonic() - started < 2


@pytest.mark.parametrize(
    "data",
    [
        frames.HEAD.pack(2, 1001) + b"{}",
        frames.HEAD.pack(frames.HEADER_BYTES + 1, 0),
        frames.HEAD.pack(3, 0) + b"[1]",
        frames.HEAD.pack(2, 0) + b"{{",
        frames.HEAD.pack(100_000, 0) + b"[" * 100_000,
    ],
)
def test_what_no_honest_child_sends_is_a_frame_error(data: bytes) -> None:
    read_end, write_end = os.pipe()
    reader = frames.Incoming(read_end, 1000)
    os.write(write_end, data[:60_000])
    os.close(write_end)
    expected: type[Exception] = EOFError if len(data) > 60_000 else frames.FrameError
    with pytest.raises(expected):
        reader.next(time.monotonic() + 5)
    os.close(read_end)
