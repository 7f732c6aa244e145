"""Clients in environments of their own, told from here what to do."""

from __future__ import annotations

import json
import selectors
import shlex
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markaz.interfaces.rest_api.client import Client
from tests.absent import absent
from tests.running_centre import MARKAZ, RunningCentre, clean_environment

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".venv-clients"
HOST = Path(__file__).parent / "guest/host.py"
ANSWER_SECONDS = 90.0
OTHERS = ("QISKIT_", "IAM_", "GLOBAL_", "QRMI_", "REQUESTS_CA", "SSL_CERT", "HTTP", "ALL_PROXY")


@dataclass(frozen=True)
class Place:
    """A centre, a person's key there, and what makes a client believe its certificate."""

    up: RunningCentre
    key: str
    trust: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it is."""
        return self.up.url

    def rest(self, key: str | None = None) -> Client:
        """The REST interface, by default as the person."""
        context = ssl.create_default_context(cafile=self.trust.get("SSL_CERT_FILE"))
        return Client(self.url, key or self.key, verify=context)

    def look(self, path: str) -> Any:
        """What the REST interface tells the person."""
        with self.rest() as client:
            return client.get(path)


class GuestError(Exception):
    """What a call raised in the client; ``kind`` is the name of its class."""

    def __init__(self, kind: str, message: str, trace: str) -> None:
        super().__init__(f"{kind}: {message}\n{trace}")
        self.kind = kind
        self.message = message


def python_of(name: str) -> Path:
    """The interpreter of a client's environment; skips the test where there is none."""
    python = ENVIRONMENTS / name / "bin/python"
    missing = ENVIRONMENTS / f"{name}.missing"
    if python.exists() and not missing.exists():
        return python
    why = missing.read_text().strip() if missing.exists() else "make test makes it"
    absent(f"no environment {name}: {why}")


def variables(place: Place, *arguments: str) -> dict[str, str]:
    """What ``markaz env`` prints for the person."""
    environment = clean_environment(MARKAZ_URL=place.url, MARKAZ_KEY=place.key, **place.trust)
    command = [*MARKAZ, "env", *arguments]
    text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = [shlex.split(line) for line in text.stdout.splitlines()]
    pairs = [line[1].partition("=") for line in lines if line and line[0] == "export"]
    return {name: value for name, _, value in pairs}


def fresh(home: Path, **more: str) -> dict[str, str]:
    """An environment that knows no centre, no account and no proxy."""
    kept = clean_environment()
    for name in list(kept):
        if name.upper().startswith(OTHERS):
            del kept[name]
    place = {"HOME": str(home), "NO_PROXY": "*"}
    return kept | place | more


class Guest:
    """A process of a client's environment that calls functions of ``guest/``."""

    def __init__(
        self, python: Path, environment: Mapping[str, str], log: Path, place: Place
    ) -> None:
        self.log, self.place = log, place
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [python, "-W", "ignore", HOST],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=dict(environment),
            )

    def call(self, name: str, /, **arguments: Any) -> Any:
        """The value of ``module.function``. Raises GuestError for what it raised."""
        assert self.process.stdin is not None
        request = json.dumps({"call": name, "with": arguments})
        self.process.stdin.write(request.encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self._line(name))
        if "error" in answer:
            raise GuestError(answer["error"], answer["message"], answer["trace"])
        return answer["value"]

    def _line(self, name: str) -> bytes:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            ready = selector.select(ANSWER_SECONDS)
        line = self.process.stdout.readline() if ready else b""
        assert line, f"{name} did not answer:\n{self.log.read_text()[-4000:]}"
        return line

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait(10)
        self.process.stdin.close()
        self.process.stdout.close()


@contextmanager
def guest(name: str, environment: Mapping[str, str], log: Path, place: Place) -> Iterator[Guest]:
    """A guest of ``place`` in the environment ``name``; ends with the block."""
    found = Guest(python_of(name), environment, log, place)
    try:
        yield found
    finally:
        found.close()


def run_script(
    name: str, script: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a script as a user would, in the environment ``name``."""
    command = [str(python_of(name)), "-W", "ignore", str(script)]
    return subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, check=False, timeout=100
    )
