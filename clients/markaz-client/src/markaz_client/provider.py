"""The way into a centre: its devices as backends, and jobs of earlier."""

from __future__ import annotations

import os
from typing import Any

from markaz_client.backend import MarkazBackend
from markaz_client.connection import Connection, MarkazError, Trust
from markaz_client.job import MarkazJob


class Markaz:
    """A centre, seen with one person's key.

    ``url``, ``key`` and ``project`` (which pays; not needed by members of a single one) are
    taken from MARKAZ_URL, MARKAZ_KEY and MARKAZ_PROJECT where they are not given: the lines that
    ``markaz env`` prints. ``ca``, for a centre with an authority of its own: its PEM file, or an
    ``ssl.SSLContext``.
    Raises ValueError naming what is missing.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        project: str | None = None,
        ca: Trust | None = None,
    ) -> None:
        self.project = project or os.environ.get("MARKAZ_PROJECT")
        self.connection = Connection(_given("url", url), _given("key", key), ca)

    def __repr__(self) -> str:
        return f"<Markaz {self.connection.url}>"

    def backends(self) -> list[MarkazBackend]:
        """The centre's devices, as it lists them. Raises MarkazError."""
        return [self._backend(device) for device in self._devices()]

    def get_backend(self, name: str | None = None) -> MarkazBackend:
        """The device called ``name``, by default the centre's default device.

        Raises MarkazError, of kind ``not-found`` where there is no such device.
        """
        if name is None:
            return self._backend(next(d for d in self._devices() if d["default"]))
        known = {device["device"]: device for device in self._devices()}
        if name not in known:
            names = ", ".join(known)
            raise MarkazError(f"no device {name!r}; there are: {names}", 404, "not-found")
        return self._backend(known[name])

    def job(self, job_id: str) -> MarkazJob:
        """A job of earlier by what its ``job_id()`` was. Raises MarkazError."""
        ids = job_id.split(",")
        device = self.connection.get(f"/jobs/{ids[0]}")["device"]
        return MarkazJob(self.get_backend(device), self.connection, ids)

    def _backend(self, device: dict[str, Any]) -> MarkazBackend:
        return MarkazBackend(self, device)

    def _devices(self) -> list[dict[str, Any]]:
        devices: list[dict[str, Any]] = self.connection.get("/devices")["items"]
        return devices


def _given(name: str, value: str | None) -> str:
    variable = f"MARKAZ_{name.upper()}"
    found = value or os.environ.get(variable)
    if not found:
        raise ValueError(f"give {name}=…, or set {variable} (`markaz env` prints it)")
    return found
