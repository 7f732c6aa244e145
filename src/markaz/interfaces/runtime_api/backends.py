"""Devices as the runtime client knows them: a list, configuration, properties, status, use."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.responses import Response

from markaz.centre.devices.rules import NAME
from markaz.centre.errors import CentreError, not_found
from markaz.interfaces.runtime_api import crn, identity
from markaz.interfaces.runtime_api.calls import Call, answer, without_nones
from markaz.interfaces.runtime_api.configuration import VERSION, configuration, properties, qubits
from markaz.interfaces.runtime_api.job_documents import iso
from markaz.interfaces.runtime_api.sheets import as_properties
from markaz.quantum.devices.sheet import from_json

WORKS: Final = frozenset({"idle", "busy"})  # states of a device in which it runs jobs
MICRO: Final = 1_000_000


async def listed(call: Call) -> Response:
    """Devices that the instance's project may use; none where the project does not run."""
    loads = await _loads(call)
    settings = call.api.centre.services.settings
    items = [_entry(one, loads, settings) for one in await _devices(call)]
    return answer({"devices": items})


async def _devices(call: Call) -> list[dict[str, Any]]:
    """Documents of the devices that a job of this instance could name."""
    allowed = None
    if call.project is not None:
        project = await call.perform("projects.show", project=call.project)
        if project["role"] is None:
            raise not_found("instance")
        if project["state"] != "active":
            return []
        allowed = project["devices"]
    found = await call.perform("devices.list")
    return [one for one in found["items"] if allowed is None or one["device"] in allowed]


async def _loads(call: Call) -> dict[str, int]:
    """Jobs that wait on each device."""
    found = await call.perform("jobs.load")
    return {one["device"]: one["waiting"] for one in found["items"]}


def _entry(device: dict[str, Any], loads: dict[str, int], settings: Any) -> dict[str, Any]:
    works = device["accepting"] and device["status"] in WORKS
    return {
        "name": device["device"],
        "status": {"name": "online" if works else "paused", "reason": _reason(device)},
        "queue_length": loads.get(device["device"], 0),
        "qubits": qubits(device, settings["runtime_qubits"]),
        "is_simulator": device["kind"] == "simulator",
    }


def _reason(device: dict[str, Any]) -> str:
    if device["status"] not in WORKS:
        return str(device["status"])
    return "" if device["accepting"] else "it accepts no jobs now"


async def _device(call: Call) -> dict[str, Any]:
    """The device of the address. Raises CentreError ``not-found``."""
    name = call.path["name"]
    if not NAME.fullmatch(name):
        raise not_found("device")
    found: dict[str, Any] = await call.perform("devices.get", device=name)
    if found["retired_at"] is not None:
        raise not_found("device")
    return found


async def configure(call: Call) -> Response:
    """What the device can execute."""
    settings = call.api.centre.services.settings
    return answer(configuration(await _device(call), settings))


async def measured(call: Call) -> Response:
    """What was measured on the device; of a simulator only that it works."""
    settings = call.api.centre.services.settings
    device = await _device(call)
    if device.get("sheet") is None:
        return answer(properties(device, None, settings))
    text = await call.perform("sheets.show", sheet=device["sheet"])
    return answer(await asyncio.to_thread(_measured, device, text, settings))


def _measured(device: dict[str, Any], text: str, settings: Any) -> dict[str, Any]:
    return properties(device, as_properties(from_json(text), device["description"]), settings)


async def status(call: Call) -> Response:
    """Whether it runs jobs, and how many wait."""
    device = await _device(call)
    loads = await _loads(call)
    works = device["accepting"] and device["status"] in WORKS
    return answer(
        {
            "state": works,
            "status": "active" if works else _reason(device),
            "message": _reason(device),
            "length_queue": loads.get(device["device"], 0),
            "backend_version": VERSION,
        }
    )


async def usage(call: Call) -> Response:
    """The project's credits, where clients look for seconds: one credit is one second.

    The client asks this before each submission, and not before it repeats one.
    """
    call.runtime.arrivals.began(call.connection, call.login)
    project = call.project
    if project is None:
        raise CentreError("invalid", f"name an instance in the header {crn.HEADER}")
    found = await call.perform("ledger.balance", project=project)
    now = call.api.centre.services.clock.now()
    given = [a for a in found["allocations"] if a["starts_at"] <= now < a["ends_at"]]
    start = min((a["starts_at"] for a in given), default=None)
    end = max((a["ends_at"] for a in given), default=None)
    limit = found["granted"] // MICRO
    return answer(
        {
            "instance_id": crn.crn_of(found["project"]),
            "plan_id": identity.PLAN,
            "usage_consumed_seconds": -(-found["charged"] // MICRO),
            "usage_limit_seconds": limit,
            "usage_allocation_seconds": limit,
            "usage_limit_reached": found["free"] <= 0,
            "usage_period": without_nones({"start_time": iso(start), "end_time": iso(end)}),
        }
    )
