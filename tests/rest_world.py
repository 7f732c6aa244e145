"""A centre with everybody and everything in it, and a request for every route.

``OWN`` is a project in which the member, the trainer, the allocator, the co-PI and the PI are;
``OTHER`` one in which none of them is. Requests are tried without lasting effect
(``undone``), so that every cell of a table of roles and routes sees the same world.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import insert, update

from markaz.centre.access import QUERIES, SYSTEM, VERBS, CentreRole, Principal, ProjectRole
from markaz.centre.calibrations.tables import measurements
from markaz.centre.centre import Centre
from markaz.centre.devices.tables import reservations
from markaz.centre.errors import CentreError
from markaz.centre.ids import new_id
from markaz.centre.jobs.index import QueueIndex
from markaz.centre.jobs.tables import jobs
from markaz.centre.ledger.tables import allocations, ledger_entries
from markaz.centre.people import tokens
from markaz.centre.people.key_verbs import issue
from markaz.centre.people.tables import centre_roles, identities, institutions, users
from markaz.centre.projects.tables import memberships, projects
from markaz.centre.records import signing
from markaz.centre.work import Work
from markaz.centre.workers.intake import Opened, Program
from markaz.centre.workers.options import checked
from markaz.interfaces.acts import register_all
from markaz.interfaces.rest_api.app import make_app
from markaz.interfaces.rest_api.routes import Route
from markaz.quantum.devices.model import shipped_text
from markaz.quantum.devices.sheet import Row, Sheet
from tests.rest_fakes import Browser, api_of

register_all()

STATES = {"suspended": "suspended", "pending": "pending", "waiting": "pending"}
BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1];'
    " measure q -> c;"
)
HOUR = 3_600_000_000
DEVICE_FILE = shipped_text("indus").replace('name = "indus"', 'name = "ravi"')
CONTRACT = """title = "Lot 1"
device = "hunza"
[[criteria]]
measure = "T1"
at_least = 1.0
"""
BENCH_SHEET = Sheet("bench", 9, (Row.of("T1", (0,), 40.0, uncertainty=2.0),)).to_json()
PROJECT_ROLES = {
    "member": ProjectRole.MEMBER,
    "project_trainer": ProjectRole.TRAINER,
    "project_allocator": ProjectRole.ALLOCATOR,
    "co_pi": ProjectRole.CO_PI,
    "pi": ProjectRole.PI,
}
CENTRE_ROLES = {
    "operator": CentreRole.OPERATOR,
    "director": CentreRole.DIRECTOR,
    "allocator": CentreRole.ALLOCATOR,
    "reviewer": CentreRole.REVIEWER,
    "trainer": CentreRole.TRAINER,
}
ROLES = ("anonymous", "outsider", *PROJECT_ROLES, *CENTRE_ROLES)
PASSWORD = "tall-Ships-lean-33-west"


class Canned:
    """Opens every program as the same circuit, after checking its options."""

    def __init__(self, centre: Centre) -> None:
        self._settings = centre.services.settings

    def submit(self, tenant: str, programs: list[Program]) -> Future[list[Any]]:
        done: Future[list[Any]] = Future()
        done.set_result([self._open(program) for program in programs])
        return done

    def _open(self, program: Program) -> Any:
        try:
            options = checked(program.options, self._settings, memory=1 << 30)
        except CentreError as error:
            return error
        if not program.data:
            return CentreError("program", "there is no program", program_kind="parse", line=1)
        hashed = "sha256:" + "0" * 64
        return Opened(b"wire", hashed, 2, 2, 0.001, 1 << 20, options, {})


@dataclass
class World:
    """A centre with its people, their keys, and what ``own`` and ``other`` targets are."""

    centre: Centre
    app: Any
    keys: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    other: dict[str, str] = field(default_factory=dict)
    now: int = 0

    def browser(self, role: str) -> Browser:
        """A client as somebody."""
        return Browser(self.app, self.keys.get(role))

    def do(self, change: Callable[[Work], Any], actor: Principal = SYSTEM) -> Any:
        """Change something as the test wants it."""

        def action(connection: Any) -> Any:
            services = self.centre.services
            work = Work(connection, services.clock.now(), actor, services)
            with work.doing("test.world"):
                found = change(work)
                work.record("world")
            return found

        return self.centre.writer.submit(action).result()


def build(centre: Centre) -> World:
    """Everybody and everything."""
    api = api_of(centre, Canned(centre))
    world = World(centre, make_app(api), now=centre.services.clock.now())
    centre.perform(VERBS["devices.install_shipped"], SYSTEM)
    centre.services.queue = QueueIndex(centre.services.settings)
    centre.perform(VERBS["jobs.open_queue"], SYSTEM)
    world.do(lambda work: _people(work, world))
    operator = Principal(world.ids["operator"], "user", frozenset({CentreRole.OPERATOR}))
    centre.perform(
        VERBS["devices.add"], operator, device="spare", title="Spare", kind="simulator",
        driver="none", qubits=9, description={},
    )  # fmt: skip
    centre.perform(
        VERBS["devices.add"], operator, device="bench", title="Bench", kind="qpu",
        driver="none", qubits=2, description={},
    )  # fmt: skip
    texts = {"en": {"title": "News", "body": "All is well."}}
    made = centre.perform(VERBS["announcements.publish"], operator, texts=texts)
    world.ids["announcement"] = made["announcement"]
    for name, owner in (("own", "member"), ("other", "stranger")):
        _project(world, name, owner)
    indus = centre.ask(QUERIES["devices.get"], operator, device="indus")
    world.ids["sheet"] = indus["sheet"]
    world.ids["measurement"] = world.do(_measurement)
    return world


def _measurement(work: Work) -> str:
    """An acceptance that has its record."""
    row = {"id": _id(work), "device_id": "indus", "kind": "acceptance", "state": "completed"}
    times = {"started_by": "system", "started_at": 1, "ended_at": 2}
    record = json.dumps(signing.sign("acceptance", {"title": "Lot 1"}, bytes(32)))
    more = {"phase": "benchmarks", "seed": 1, "before": "idle", "record": record}
    work.run(insert(measurements).values(**row, **times, **more))
    return str(row["id"])


def _people(work: Work, world: World) -> None:
    home = world.ids["institution"] = _id(work)
    work.run(insert(institutions).values(id=home, name="Home", created_at=1))
    names = (*ROLES[1:], "stranger", "suspended", "expired", "narrow", "pending", "waiting")
    for name in names:
        state = STATES.get(name, "active")
        row = {"id": _id(work), "login": f"a-{name.replace('_', '-')}", "name": name}
        work.run(insert(users).values(**row, institution_id=home, state=state, created_at=1))
        world.ids[name] = row["id"]
        if name == "waiting":  # has nothing yet
            continue
        ends = {"expires_at": 1} if name == "expired" else {}
        made = issue(
            work, "u", user_id=row["id"], label=name,
            scopes=["devices:read"] if name == "narrow" else None, **ends,
        )  # fmt: skip
        world.keys[name] = made["secret"]
        world.ids[f"{name} key"] = made["id"]
        issue(work, "s", user_id=row["id"], label="login")
        linked = {"id": _id(work), "user_id": row["id"], "subject": name, "linked_at": 1}
        work.run(insert(identities).values(issuer="https://issuer.example", **linked))
        world.ids[f"{name} identity"] = linked["id"]
    for name, role in CENTRE_ROLES.items():
        work.run(insert(centre_roles).values(user_id=world.ids[name], role=role, granted_at=1))
    world.keys["worker"] = issue(work, "w", user_id=None, label="w")["secret"]


def _id(work: Work) -> str:
    return new_id(work.services.clock.now())


def _project(world: World, name: str, owner: str) -> None:
    centre, found = world.centre, world.own if name == "own" else world.other
    for variant, state in (
        ("project", "active"), ("requested", "requested"), ("stopped", "suspended"),
    ):  # fmt: skip
        found[variant] = world.do(lambda work, v=variant, s=state: _make(work, world, name, v, s))
    operator = Principal(world.ids["operator"], "user", frozenset({CentreRole.OPERATOR}))
    user = Principal(world.ids[owner], "user")
    perform = centre.perform
    now = world.now
    for label in ("allocation", "target"):
        found[label] = perform(
            VERBS["ledger.grant"], operator, project=found["project"], amount=10**12,
            starts_at=now - HOUR, ends_at=now + 1000 * HOUR,
        )["allocation"]  # fmt: skip
    for label in ("job", "held", "running", "charged"):
        found[label] = perform(
            VERBS["jobs.submit"], user, project=found["project"], name=label,
            opened=Canned(centre)._open(Program(BELL.encode())), data=BELL.encode(),
        )["job"]  # fmt: skip
    found["session"] = perform(VERBS["sessions.open"], user, project=found["project"])["session"]
    found["invitation"] = perform(VERBS["projects.invite"], operator, project=found["project"])[
        "id"
    ]
    for label, state, hours in (
        ("reservation", "draft", 10 if name == "own" else 20),
        ("current", "in progress", 30 if name == "own" else 40),
    ):
        made = perform(
            VERBS["devices.book"], operator, device="simulator", project=found["project"],
            starts_at=now + hours * HOUR, ends_at=now + (hours + 1) * HOUR,
        )["reservation"]  # fmt: skip
        found[label] = made
        world.do(lambda work, m=made, s=state: work.run(
            update(reservations).where(reservations.c.id == m).values(state=s)))  # fmt: skip
    world.do(lambda work: _states(work, found))


def _make(work: Work, world: World, name: str, variant: str, state: str) -> str:
    slug = f"{name}-{variant}"
    row = {"id": _id(work), "slug": slug, "title": slug}
    work.run(
        insert(projects).values(
            **row, state=state, any_device=True, created_at=1,
            institution_id=world.ids["institution"],
        )
    )  # fmt: skip
    people = PROJECT_ROLES if name == "own" else {"stranger": ProjectRole.PI}
    for person, role in people.items():
        work.run(
            insert(memberships).values(
                project_id=row["id"], user_id=world.ids[person], role=role, joined_at=1
            )
        )
    return str(row["id"])


def _states(work: Work, found: dict[str, str]) -> None:
    """Jobs that an operator holds, that run, and that cost something."""
    of = {k: jobs.c.id == found[k] for k in ("held", "running", "charged")}
    work.run(update(jobs).where(of["held"]).values(state="held", reason="operator"))
    work.run(update(jobs).where(of["running"]).values(
        state="running", attempt=1, worker_id="w", started_at=work.now))  # fmt: skip
    work.run(update(jobs).where(of["charged"]).values(state="completed", ended_at=work.now))
    work.run(insert(ledger_entries).values(
        allocation_id=found["allocation"], kind="charge", amount=-5, job_id=found["charged"],
        at=work.now, actor="system"))  # fmt: skip
    work.run(update(allocations).where(allocations.c.id == found["allocation"]).values(
        charged=allocations.c.charged + 5))  # fmt: skip


class _Undo(Exception):
    """Carries what a change returned out of its savepoint."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = found


@contextlib.contextmanager
def undone(world: World) -> Iterator[list[tuple[str, str]]]:
    """While it lasts every change is undone as soon as it is answered.

    Gives the (verb, subject) of all audit entries that the changes would have written.
    """
    writer, chain = world.centre.writer, world.centre.services.chain
    entries: list[tuple[str, str]] = []
    submit, add = writer.submit, chain.add

    def noted(at: int, actor: str, verb: str, subject: str, details: Any) -> None:
        entries.append((verb, subject))
        add(at, actor, verb, subject, details)

    def dry(action: Callable[[Any], Any]) -> Future[Any]:
        def act(connection: Any) -> Any:
            raise _Undo(action(connection))

        done: Future[Any] = Future()

        def settle(inner: Future[Any]) -> None:
            error = inner.exception()
            if isinstance(error, _Undo):
                done.set_result(error.found)
            else:
                assert error is not None
                done.set_exception(error)

        submit(act).add_done_callback(settle)
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "submit", dry)
        patch.setattr(chain, "add", noted)
        yield entries


# A request for every route.


@dataclass(frozen=True)
class Sent:
    """What to send: names in the path by their target's label, parameters, body."""

    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None


def _reason(**more: Any) -> Sent:
    path = more.pop("path", {})
    return Sent(path, body={"reason": "because of this", **more})


def requests(world: World, target: dict[str, str], role: str) -> dict[str, Sent]:
    """By operation: what ``role`` sends about ``target`` (``world.own`` or ``world.other``)."""
    now, own = world.now, target is world.own
    person = world.ids.get(role, "nobody") if own else world.ids["stranger"]
    key = world.ids.get(f"{role} key", "nobody") if own else world.ids["stranger key"]
    span = {"since": now, "until": now + HOUR}
    later = {"starts_at": now + 50 * HOUR, "ends_at": now + 51 * HOUR}
    named = {"project": target["project"]}
    program = {"program": BELL, "options": {"shots": 10}}
    return {
        "post_login": Sent(body={"login": "nobody", "password": PASSWORD}),
        "post_sign_up": Sent(body={
            "login": "newcomer", "name": "N", "email": "n@example.org", "password": PASSWORD}),
        "post_recovery": Sent(body={"login": "a-member", "lost": "password"}),
        "post_recovery_password": Sent(
            body={"code": tokens.new("c").text, "password": PASSWORD}),
        "post_recovery_totp": Sent(body={
            "login": "a-member", "password": PASSWORD, "code": tokens.new("c").text}),
        "patch_me": Sent(body={"name": "New"}),
        "post_me_password": Sent(body={"old": "x", "new": PASSWORD}),
        "post_me_totp_confirm": Sent(body={"code": "000000"}),
        "post_me_totp_off": Sent(body={"password": "x", "code": "000000"}),
        "post_keys": Sent(body={"label": "k"}),
        "delete_keys_key": Sent({"key": key}),
        "delete_me_identities_identity": Sent({
            "identity": world.ids.get(f"{role if own else 'stranger'} identity", "nobody")}),
        "post_announcements": Sent(body={"texts": {"en": {"title": "T", "body": "B"}}}),
        "delete_announcements_announcement": Sent({"announcement": world.ids["announcement"]}),
        "post_worker_keys": Sent(body={"label": "k"}),
        "post_users": Sent(body={"login": "newcomer", "name": "N"}),
        **{
            op: Sent({"user": person}, body=body)
            for op, body in (
                ("get_users_user", None), ("patch_users_user", {"name": "New"}),
                ("delete_users_user", None), ("get_users_user_export", None),
                ("get_users_user_keys", None),
            )
        },
        "post_users_user_approve": Sent({"user": world.ids["waiting"]}),
        "post_users_user_refuse": Sent({"user": world.ids["waiting"]}),
        "post_users_user_suspend": _reason(path={"user": world.ids["outsider"]}),
        "post_users_user_reactivate": Sent({"user": world.ids["suspended"]}),
        "post_users_user_roles": Sent(
            {"user": world.ids["outsider"]}, body={"role": "reviewer"}),
        "delete_users_user_roles_role": Sent(
            {"user": world.ids["reviewer"], "role": "reviewer"}),
        "post_users_user_codes": Sent({"user": world.ids["outsider"]}, body={"lost": "password"}),
        "post_institutions": Sent(body={"name": "New", "country": "PK"}),
        "get_institutions_institution": Sent({"institution": world.ids["institution"]}),
        "patch_institutions_institution": Sent(
            {"institution": world.ids["institution"]}, body={"shares": 3}),
        "post_projects": Sent(body={"slug": "new", "title": "New", "pi": "a-outsider"}),
        "post_project_requests": Sent(body={"slug": "new", "title": "New"}),
        **{
            op: Sent(named, body=body)
            for op, body in (
                ("get_projects_project", None), ("patch_projects_project", {"title": "T"}),
                ("patch_projects_project_terms", {"shares": 2}),
                ("put_projects_project_devices", {"devices": ["simulator"]}),
                ("post_projects_project_suspend", {"reason": "because"}),
                ("post_projects_project_renew", {"ends_at": now + 9999 * HOUR}),
                ("post_projects_project_close", None), ("post_projects_project_leave", None),
                ("get_projects_project_members", None),
                ("post_projects_project_members", {"user": "a-outsider"}),
                ("get_projects_project_invitations", None),
                ("post_projects_project_invitations", {}),
                ("get_projects_project_credits", None),
                ("get_projects_project_credits_statement", None),
                ("post_projects_project_credits_grants", {
                    "amount": 5, "starts_at": now, "ends_at": now + HOUR * 99}),
            )
        },
        "post_projects_project_approve": Sent({"project": target["requested"]}),
        "post_projects_project_refuse": _reason(path={"project": target["requested"]}),
        "post_projects_project_resume": Sent({"project": target["stopped"]}),
        "get_projects_project_credits_burn_down": Sent(named, span),
        **{
            op: Sent({**named, "user": world.ids["member" if own else "stranger"]}, body=body)
            for op, body in (
                ("delete_projects_project_members_user", None),
                ("patch_projects_project_members_user", {"role": "trainer"}),
                ("put_projects_project_members_user_shares", {"shares": 4}),
            )
        },
        "delete_invitations_invitation": Sent({"invitation": target["invitation"]}),
        "post_invitations_accept": Sent(body={"invitation": tokens.new("i").text}),
        "post_allocations_allocation_transfers": _reason(
            path={"allocation": target["allocation"]}, to=target["target"], amount=5),
        "post_allocations_allocation_adjustments": _reason(
            path={"allocation": target["allocation"]}, amount=-5),
        "post_allocations_allocation_revoke": _reason(path={"allocation": target["target"]}),
        "post_jobs_job_refunds": _reason(path={"job": target["charged"]}, amount=5),
        "get_devices_device_rates": Sent({"device": "simulator"}),
        "post_devices_device_rates": Sent({"device": "simulator"}, body={"per_shot": 1}),
        "get_devices_device_estimate": Sent({"device": "simulator"}, {"seconds": 1, "shots": 5}),
        "post_devices": Sent(body={
            "device": "new", "title": "New", "kind": "qpu", "driver": "x", "qubits": 5,
            "description": {}}),
        "get_devices_device": Sent({"device": "simulator"}),
        "patch_devices_device": Sent({"device": "simulator"}, body={"title": "T"}),
        "post_devices_device_default": Sent({"device": "simulator"}),
        "post_devices_device_retire": Sent({"device": "spare"}),
        "get_devices_device_calendar": Sent({"device": "simulator"}, span),
        "post_devices_device_bookings": Sent({"device": "simulator"}, body={**named, **later}),
        "post_devices_device_maintenance": Sent(
            {"device": "simulator"}, body={"impact": "full", **later}),
        "post_reservations_reservation_schedule": Sent({"reservation": target["reservation"]}),
        "post_reservations_reservation_cancel": Sent({"reservation": target["reservation"]}),
        "post_reservations_reservation_complete": Sent({"reservation": target["current"]}),
        **{
            op: Sent({"job": target["job"]}, body=body)
            for op, body in (
                ("get_jobs_job", None), ("get_jobs_job_why", None), ("post_jobs_job_cancel", None),
                ("post_jobs_job_hold", {"reason": "because"}),
                ("post_jobs_job_move", {"reason": "because", "device": "spare"}),
                ("post_jobs_job_boost", {"reason": "because", "boost": 1}),
            )
        },
        "post_device_files": Sent(body={"file": DEVICE_FILE}),
        **{
            f"get_devices_device_{name}": Sent({"device": "indus"})
            for name in ("files", "sheet", "sheet.csv", "sheets", "events", "measurements")
        },
        "post_devices_device_sheets": Sent({"device": "bench"}, body={"sheet": BENCH_SHEET}),
        "get_sheets_sheet": Sent({"sheet": world.ids["sheet"]}),
        "get_devices_device_history": Sent(
            {"device": "indus"}, {"quantity": "gate_error:cz", "target": "1-0"}),
        "post_devices_device_calibrations": Sent({"device": "hunza"}),
        "post_devices_device_acceptances": Sent({"device": "hunza"}, body={"contract": CONTRACT}),
        "get_measurements_measurement": Sent({"measurement": world.ids["measurement"]}),
        "get_measurements_measurement_record": Sent({"measurement": world.ids["measurement"]}),
        "get_jobs_job_contents_which": Sent({"job": target["job"], "which": "input"}),
        "post_jobs_job_release": _reason(path={"job": target["held"]}),
        "post_jobs_job_requeue": _reason(path={"job": target["running"]}),
        "post_jobs": Sent(body={**program, **named}),
        "post_job_batches": Sent(body={"items": [program, program], **named}),
        "post_estimates": Sent(body={**program, **named, "device": "simulator"}),
        "post_sessions": Sent(body=named),
        "get_usage": Sent(query={"first": "2026-11-01", "last": "2026-11-30"}),
        "get_usage_jobs": Sent(query=span),
        "get_centre_names": Sent(query={"ids": f"{person},{target['project']}"}),
        "get_sessions_session": Sent({"session": target["session"]}),
        "post_sessions_session_close": Sent({"session": target["session"]}),
        "post_sessions_session_cancel": Sent({"session": target["session"]}),
    }  # fmt: skip


def send(browser: Browser, route: Route, sent: Sent) -> Any:
    """Send it; the answer."""
    path = route.path
    for name, value in sent.path.items():
        path = path.replace(f"{{{name}}}", value)
    content = None if sent.body is None else json.dumps(sent.body)
    headers = {"Content-Type": "application/json"} if content else {}
    return browser.request(route.method, path, params=sent.query, content=content, headers=headers)
