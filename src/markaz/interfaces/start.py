"""Starting a centre: what must be there before the first request, and its first secrets.

The secrets of the first start exist in clear nowhere but in ``first-login.json``. A file
beside it marks a set-up that is not finished; a start that finds the mark makes new secrets
for those that a crash may have taken away, so that nobody is ever locked out.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from markaz.centre.access import QUERIES, SCOPES, SYSTEM, CentreRole, Principal
from markaz.centre.centre import Centre
from markaz.centre.db import backup
from markaz.centre.db.lock import ServerLock
from markaz.centre.devices import shipped
from markaz.centre.devices.verbs import install_shipped
from markaz.centre.errors import CentreError
from markaz.centre.ledger.verbs import grant, set_rate
from markaz.centre.people import login as doors
from markaz.centre.people.key_verbs import create, create_worker, revoke
from markaz.centre.people.keys import Authenticator
from markaz.centre.people.recovery import issue_code
from markaz.centre.projects import first
from markaz.centre.settings import Settings
from markaz.interfaces import acts, logs

FIRST_LOGIN: Final = "first-login.json"
UNFINISHED: Final = ".first-login.unfinished"
WORKER_KEY: Final = "worker.key"
CREDIT: Final = 1_000_000  # micro-credits
YEAR: Final = 365 * 86_400 * 1_000_000  # microseconds
FIRST_CREDITS: Final = 10_000
# Whoever starts the centre on its own machine may do what an operator may.
CONSOLE: Final = Principal("system", "user", frozenset({CentreRole.OPERATOR}))


def prepare_database(settings: Settings) -> None:
    """Bring the database to this version's schema; a new one is made.

    Raises CentreError ``unavailable`` naming a database that cannot be reached.
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        backup.upgrade_url(settings.database_url)
    except CentreError as error:
        if error.kind != "unavailable":
            raise
        place = logs.masked(settings.database_url)
        message = f"the database {place} cannot be used: {error.message}"
        raise CentreError("unavailable", message) from error


def set_up(centre: Centre, *, demo: bool) -> dict[str, Any]:
    """Devices, and at the first start an operator, a project and credits.

    The answer has ``admin_login`` and ``project``, and at the first start the secrets
    ``admin_password``, ``api_key`` and with ``demo`` the demo people's keys (``people``),
    which are in ``first-login.json`` (mode 600) before this returns. The first start goes on
    until one has come that far.
    """
    acts.register_all()
    data = centre.services.settings.data
    centre.perform(install_shipped, SYSTEM)
    with centre.engine.connect() as connection:
        known = first.set_up_facts(connection)
    unfinished = data / UNFINISHED
    if known is not None and not unfinished.exists():
        return {"admin_login": known["login"], "project": known["project"]}
    if known is None:
        write_secret(unfinished, "")
        made = first.set_up(centre, demo=demo)
        write_secret(data / WORKER_KEY, made["secret"]["worker_key"])
    else:
        made = known | {"secret": _new_secrets(centre, known)}
    _fund(centre, made)
    document = _document(made)
    keep_first_login(data, document)
    unfinished.unlink()
    return document


def _document(made: dict[str, Any]) -> dict[str, Any]:
    secret = made["secret"]
    return {
        "admin_login": made["login"],
        "admin_password": secret["password"],
        "api_key": secret["api_key"],
        "project": made["project"],
        "people": secret.get("people", {}),
    }


def _new_secrets(centre: Centre, known: dict[str, Any]) -> dict[str, Any]:
    """New secrets for those of a first start that nobody has seen; the old ones end."""
    code = centre.perform(issue_code, CONSOLE, user=known["operator"], lost="password")["secret"]
    password = first.new_password()
    doors.set_password(centre, code=code, password=password)
    people = known.get("demo", {}).get("people", {})
    return {
        "password": password,
        "api_key": _new_key(centre, known["operator"], "first operator", set(SCOPES)),
        "people": {
            login: _new_key(centre, user, "demo", set(SCOPES) - {"operate", "account"})
            for login, user in people.items()
        },
    }


def _new_key(centre: Centre, user: str, label: str, scopes: set[str]) -> str:
    person = Principal(user, "user")
    for key in centre.ask(QUERIES["keys.list"], person)["items"]:
        if key["label"] == label:
            centre.perform(revoke, person, key=key["id"])
    made = centre.perform(create, person, label=label, scopes=sorted(scopes), days=None)
    return str(made["secret"])


def _fund(centre: Centre, made: dict[str, Any]) -> None:
    """Prices of the shipped devices and credits for the first projects, if they lack them."""
    operator = Principal(made["operator"], "user", frozenset({CentreRole.OPERATOR}))
    for device, (second, shot) in shipped.RATES.items():
        if not centre.ask(QUERIES["ledger.rates"], operator, device=device)["items"]:
            prices: dict[str, Any] = {"per_second": second, "per_shot": shot}
            centre.perform(set_rate, operator, device=device, **prices)
    now = centre.services.clock.now()
    for project in [made["project"], *([made["demo"]["project"]] if "demo" in made else ())]:
        balance = centre.ask(QUERIES["ledger.balance"], operator, project=project)
        if not balance["allocations"]:
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
    """The key of this machine's own workers; made anew if it is gone or does not work here."""
    path = centre.services.settings.data / WORKER_KEY
    try:
        key = path.read_text(encoding="ascii").strip()
        Authenticator(centre).authenticate(key)
    except (FileNotFoundError, UnicodeDecodeError, CentreError):
        key = str(centre.perform(create_worker, SYSTEM, label="local workers")["secret"])
        write_secret(path, key)
    return key


def code_at_console(settings: Settings, login: str, lost: str) -> dict[str, Any]:
    """A one-time code for ``login``, who lost ``password`` or ``totp``, from a stopped centre.

    Whoever may write the data directory may do this. Raises CentreError: ``conflict`` while
    a server works on the directory, ``not-found`` for an unknown login.
    """
    acts.register_all()
    with ServerLock.take(settings.data), Centre.open(settings) as centre:
        return dict(centre.perform(issue_code, CONSOLE, user=login, lost=lost))


def keep_first_login(data: Path, document: dict[str, Any]) -> Path:
    """Write the first start's secrets where their owner finds them again."""
    path = data / FIRST_LOGIN
    write_secret(path, json.dumps(document, indent=2, ensure_ascii=False))
    return path


def finish_first_login(data: Path, url: str, crn: str) -> None:
    """Add to the first secrets, once, where the centre is and the project's name for clients."""
    try:
        kept = json.loads((data / FIRST_LOGIN).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return  # its owner has put it away
    if "url" not in kept:
        secrets = {name: kept[name] for name in ("admin_login", "admin_password", "api_key")}
        keep_first_login(data, {"url": url, **secrets, "crn": crn, "people": kept["people"]})


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a crash leaves the old one or the new."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
