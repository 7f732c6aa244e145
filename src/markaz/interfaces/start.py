"""Starting a centre: what must be there before the first request, and its first secrets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from markaz.centre.access import SCOPES, SYSTEM, CentreRole, Principal
from markaz.centre.centre import Centre
from markaz.centre.db import backup
from markaz.centre.devices import shipped
from markaz.centre.devices.verbs import install_shipped
from markaz.centre.ledger.verbs import grant, set_rate
from markaz.centre.people.key_verbs import create_worker
from markaz.centre.projects import first
from markaz.centre.settings import Settings

FIRST_LOGIN: Final = "first-login.json"
WORKER_KEY: Final = "worker.key"
CREDIT: Final = 1_000_000  # micro-credits
YEAR: Final = 365 * 86_400 * 1_000_000  # microseconds
FIRST_CREDITS: Final = 10_000
# A second of the simulator costs a hundredth of a credit: a QPU-second shall cost about one.
SIMULATOR_SECOND: Final = CREDIT // 100


def crn_of(project: str) -> str:
    """The name by which clients of the runtime interface know a project.

    They take it apart at colons and accept no other shape.
    """
    return f"crn:v1:bluemix:public:quantum-computing:us-east:a/markaz:{project}::"


def prepare_database(settings: Settings) -> None:
    """Bring the database to this version's schema; a new one is made."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    backup.upgrade_url(settings.database_url)


def set_up(centre: Centre, *, demo: bool) -> dict[str, Any]:
    """Devices, and at the first start an operator, a project and credits.

    The answer has ``admin_login`` and ``project``, and at the first start the secrets
    ``admin_password``, ``api_key`` and with ``demo`` the demo people's keys, which are then
    also in ``first-login.json`` beside the database (mode 600).
    """
    centre.perform(install_shipped, SYSTEM)
    with centre.engine.connect() as connection:
        known = first.set_up_facts(connection)
    if known is not None:
        return {"admin_login": known["login"], "project": known["project"]}
    made = first.set_up(centre, demo=demo)
    _fund(centre, made)
    secret = made["secret"]
    write_secret(centre.services.settings.data / WORKER_KEY, secret["worker_key"])
    return {
        "admin_login": made["login"],
        "admin_password": secret["password"],
        "api_key": secret["api_key"],
        "project": made["project"],
        "people": secret.get("people", {}),
    }


def _fund(centre: Centre, made: dict[str, Any]) -> None:
    """Prices of the shipped simulators, and credits for the first projects."""
    operator = Principal(
        made["operator"], "user", frozenset({CentreRole.OPERATOR}), frozenset(SCOPES)
    )
    for device in shipped.SHIPPED:
        centre.perform(set_rate, operator, device=device["id"], per_second=SIMULATOR_SECOND)
    projects = [made["project"], *([made["demo"]["project"]] if "demo" in made else ())]
    now = centre.services.clock.now()
    for project in projects:
        centre.perform(
            grant,
            operator,
            project=project,
            amount=FIRST_CREDITS * CREDIT,
            starts_at=now,
            ends_at=now + YEAR,
            reason="first credits",
        )


def worker_key(centre: Centre) -> str:
    """The key of this machine's own workers; made anew if its file is gone."""
    path = centre.services.settings.data / WORKER_KEY
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        key = str(centre.perform(create_worker, SYSTEM, label="local workers")["secret"])
        write_secret(path, key)
        return key


def keep_first_login(data: Path, document: dict[str, Any]) -> Path:
    """Write the first start's secrets where their owner finds them again."""
    path = data / FIRST_LOGIN
    write_secret(path, json.dumps(document, indent=2, ensure_ascii=False))
    return path


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a crash leaves the old one or the new."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
