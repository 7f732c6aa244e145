"""Opening the programs of a request, and making them ready to be kept."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from markaz.centre.access import Principal
from markaz.centre.errors import CentreError, invalid
from markaz.centre.services import Services
from markaz.centre.storage import blobs
from markaz.centre.workers.intake import Answer, Opened, Program
from markaz.interfaces.rest_api.calls import Api, aside
from markaz.interfaces.rest_api.jobs_models import Options

LARGE: Final = 1 << 16  # bytes that are hashed and stored in a thread


class Asking(Protocol):
    """A request: who asks, and what all requests share."""

    @property
    def api(self) -> Api:
        """What all requests share."""

    @property
    def actor(self) -> Principal:
        """Who asks."""


class Asked(Protocol):
    """A part of a request that holds a program."""

    @property
    def program(self) -> str | None:
        """Its text."""

    @property
    def program_base64(self) -> str | None:
        """Its bytes, in base 64."""

    @property
    def format(self) -> str | None:
        """What it is."""

    @property
    def options(self) -> Options:
        """How to run it."""


Found = tuple[blobs.Prepared, Opened] | CentreError


async def open_programs(call: Asking, asked: Sequence[Asked]) -> list[Found]:
    """For each its bytes and its circuit, ready to be kept, or why it is refused."""
    programs = await aside(lambda: [_program(one) for one in asked], _size(asked))
    good = [one for one in programs if isinstance(one, Program)]
    answers: list[Answer] = []
    if good:
        with call.api.metrics.intake.time():
            answers = await asyncio.wrap_future(call.api.opener.submit(call.actor.id, good))
    services = call.api.centre.services
    found = iter(await aside(lambda: _ready(services, good, answers), _bytes(good, answers), LARGE))
    return [one if isinstance(one, CentreError) else next(found) for one in programs]


def only(found: list[Found]) -> tuple[blobs.Prepared, Opened]:
    """The only program. Raises the CentreError that refused it."""
    if isinstance(found[0], CentreError):
        raise found[0]
    return found[0]


def _program(asked: Asked) -> Program | CentreError:
    options = asked.options.model_dump(exclude_none=True)
    try:
        return Program(_data(asked), options, asked.format)
    except CentreError as error:
        return error


def _data(asked: Asked) -> bytes:
    if (asked.program is None) == (asked.program_base64 is None):
        raise invalid("program", "give either program or program_base64")
    if asked.program is not None:
        return asked.program.encode()
    try:
        return base64.b64decode(asked.program_base64 or "", validate=True)
    except (binascii.Error, ValueError):
        raise invalid("program_base64", "program_base64 is not base 64") from None


def _ready(services: Services, programs: list[Program], answers: list[Answer]) -> list[Found]:
    pairs = zip(programs, answers, strict=True)
    return [_kept(services, program, answer) for program, answer in pairs]


def _kept(services: Services, program: Program, answer: Answer) -> Found:
    if isinstance(answer, CentreError):
        return answer
    circuit = blobs.prepare(services, _wire(answer))
    return blobs.prepare(services, program.data), replace(answer, circuit=circuit)


def _wire(opened: Opened) -> bytes:
    circuit = opened.circuit
    return circuit if isinstance(circuit, bytes) else circuit.data


def _size(asked: Sequence[Asked]) -> int:
    return sum(len(one.program or one.program_base64 or "") for one in asked)


def _bytes(programs: list[Program], answers: list[Answer]) -> int:
    circuits = sum(len(_wire(one)) for one in answers if isinstance(one, Opened))
    return circuits + sum(len(one.data) for one in programs)
