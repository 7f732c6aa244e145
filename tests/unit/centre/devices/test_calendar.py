from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from markaz.centre.access import SYSTEM, CentreRole, Principal, ProjectRole
from markaz.centre.centre import Centre
from markaz.centre.db.schema import devices
from markaz.centre.devices import queries, verbs
from markaz.centre.errors import CentreError
from markaz.centre.ids import new_id
from markaz.centre.jobs import rulebook
from markaz.centre.settings import Settings
from tests.centre_rows import do, look, person, project, rows, simulator

HOUR = 3_600_000_000


class Room:
    """A simulator, an operator, and a project with a lead and a member."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        simulator(centre)
        self.operator = person(centre, "op", CentreRole.OPERATOR)
        self.lead, self.member = person(centre, "lead"), person(centre, "member")
        people = {self.lead: ProjectRole.PI, self.member: ProjectRole.MEMBER}
        self.home = project(centre, members=people)
        self.other = project(centre, "other")
        self.start = centre.services.clock.now() + HOUR

    def book(self, actor: Principal, begins: float, ends: float, **more: Any) -> Any:
        return self.centre.perform(
            verbs.book, actor,
            **{"device": "simulator", "project": self.home, "note": "beam time"} | more,
            starts_at=self.at(begins), ends_at=self.at(ends),
        )  # fmt: skip

    def maintain(self, begins: float, ends: float, impact: str = "full", **more: Any) -> Any:
        return self.centre.perform(
            verbs.maintain, self.operator, device="simulator", impact=impact,
            starts_at=self.at(begins), ends_at=self.at(ends), **more,
        )  # fmt: skip

    def at(self, hours: float) -> int:
        return self.start + round(hours * HOUR)

    def free(self, project: str) -> int | None:
        now = self.centre.services.clock.now()
        device = look(self.centre, lambda w: rulebook.load(w.connection, now)).devices["simulator"]
        blocking = (one for one in device.reservations if one.project != project)
        return next((one.starts_at for one in blocking), None)

    def shift(self, reservation: str, **values: int) -> None:
        table = devices.reservations
        do(self.centre, lambda w: w.run(
            update(table).where(table.c.id == reservation).values(**values)
        ))  # fmt: skip

    def states(self) -> list[str]:
        table = devices.reservations
        return [row["state"] for row in sorted(
            rows(self.centre, table), key=lambda row: (row["created_at"], row["id"])
        )]  # fmt: skip

    def status(self) -> str:
        found = rows(self.centre, devices.devices)
        return str(next(row["status"] for row in found if row["id"] == "simulator"))

    def advance(self) -> Any:
        return self.centre.perform(verbs.advance_calendar, SYSTEM)


@pytest.fixture
def room(centre: Centre) -> Room:
    return Room(centre)


def test_a_lead_asks_and_an_operator_schedules(room: Room) -> None:
    draft = room.book(room.lead, 0, 2)
    assert (draft["state"], draft["project"], room.free(room.other)) == ("draft", room.home, None)

    firm = room.centre.perform(verbs.schedule, room.operator, reservation=draft["reservation"])
    assert firm["state"] == "scheduled"
    assert (room.free(room.other), room.free(room.home)) == (room.at(0), None)
    with pytest.raises(CentreError, match="only a draft"):
        room.centre.perform(verbs.schedule, room.operator, reservation=draft["reservation"])


def test_an_operators_booking_is_firm_at_once(room: Room) -> None:
    assert room.book(room.operator, 0, 1, project="physics")["state"] == "scheduled"


def test_members_do_not_book_and_strangers_see_no_project(room: Room) -> None:
    stranger = person(room.centre, "stranger")
    bound = Principal(room.lead.id, "user", project=room.other)
    for actor, kind in ((room.member, "forbidden"), (stranger, "not-found"), (bound, "not-found")):
        with pytest.raises(CentreError) as refused:
            room.book(actor, 0, 1)
        assert refused.value.kind == kind
    assert room.states() == []


@pytest.mark.parametrize(
    ("begins", "ends", "clash"),
    [(0, 2, True), (-0.5, 0.5, True), (1.9, 3, True), (0.5, 1, True), (-0.9, 0, False),
     (2, 3, False), (-0.5, 9, True)],
)  # fmt: skip
def test_blocking_reservations_never_overlap(
    room: Room, begins: float, ends: float, clash: bool
) -> None:
    first = room.book(room.operator, 0, 2)
    for make in (
        lambda: room.maintain(begins, ends, "partial"),
        lambda: room.book(room.operator, begins, ends, project=room.other),
    ):
        if not clash:
            made = make()
            room.centre.perform(
                verbs.cancel_reservation, room.operator, reservation=made["reservation"]
            )
            continue
        with pytest.raises(CentreError, match="a booking on simulator") as refused:
            make()
        assert refused.value.details["reservation"] == first["reservation"]
    assert room.maintain(begins, ends, "degraded")["state"] == "scheduled"


def test_a_draft_blocks_nothing_and_meets_what_is_firm_when_scheduled(room: Room) -> None:
    draft = room.book(room.lead, 0, 2)
    room.maintain(1, 3)
    with pytest.raises(CentreError, match="a maintenance on simulator"):
        room.centre.perform(verbs.schedule, room.operator, reservation=draft["reservation"])
    assert room.states() == ["draft", "scheduled"]


def test_a_device_is_free_until_the_next_blocking_reservation(room: Room) -> None:
    assert room.free(room.home) is None
    room.maintain(0, 9, "none")
    room.maintain(0, 9, "degraded")
    assert room.free(room.home) is None
    room.maintain(6, 7, "full")
    room.book(room.operator, 3, 4)
    assert (room.free(room.home), room.free(room.other)) == (room.at(6), room.at(3))
    under_way = room.maintain(0, 2, "partial")
    room.shift(under_way["reservation"], starts_at=5)
    assert (room.free(room.home), room.free(room.other)) == (5, 5)
    room.shift(under_way["reservation"], ends_at=6)
    assert room.free(room.other) == room.at(3)


def test_the_calendar_moves_on_and_the_status_with_it(room: Room) -> None:
    full, booking = room.maintain(0, 1), room.book(room.operator, 2, 3)
    assert room.advance() == {"begun": [], "ended": []}

    room.shift(full["reservation"], starts_at=1)
    assert room.advance() == {"begun": [full["reservation"]], "ended": []}
    assert (room.states(), room.status()) == (["in progress", "scheduled"], "maintenance")

    room.shift(full["reservation"], ends_at=2)
    room.shift(booking["reservation"], starts_at=1)
    assert room.advance() == {"begun": [booking["reservation"]], "ended": [full["reservation"]]}
    assert (room.states(), room.status()) == (["completed", "in progress"], "idle")

    room.shift(booking["reservation"], ends_at=2)
    room.advance()
    assert room.states() == ["completed", "completed"]


def test_a_reservation_that_was_missed_is_completed(room: Room) -> None:
    missed = room.maintain(0, 1)
    room.shift(missed["reservation"], starts_at=1, ends_at=2)
    assert room.advance() == {"begun": [missed["reservation"]], "ended": [missed["reservation"]]}
    assert (room.states(), room.status()) == (["completed"], "idle")


def test_maintenance_can_end_early_and_respects_another_status(room: Room) -> None:
    for finish in (verbs.complete_reservation, verbs.cancel_reservation):
        under_way = room.maintain(0, 1)
        room.shift(under_way["reservation"], starts_at=1)
        room.advance()
        assert room.status() == "maintenance"
        room.centre.perform(finish, room.operator, reservation=under_way["reservation"])
        assert room.status() == "idle"
    under_way = room.maintain(0, 1)
    room.shift(under_way["reservation"], starts_at=1)
    room.advance()
    room.centre.perform(verbs.change, room.operator, device="simulator", status="error")
    room.centre.perform(
        verbs.complete_reservation, room.operator, reservation=under_way["reservation"]
    )
    assert room.status() == "error"


def test_whose_booking_it_is_stays_in_the_project(room: Room) -> None:
    room.book(room.operator, 0, 1)
    room.book(room.lead, 2, 3)
    room.maintain(4, 5, note="new pump")
    director, stranger = person(room.centre, "d", CentreRole.DIRECTOR), person(room.centre, "s")
    bound = Principal(room.lead.id, "user", project=room.other)

    def seen(actor: Principal) -> list[tuple[Any, ...]]:
        told = room.centre.ask(
            queries.calendar, actor, device="simulator", since=room.at(0), until=room.at(9)
        )
        return [(i["kind"], i["state"], i["project"], i["note"]) for i in told["items"]]

    whole = [
        ("booking", "scheduled", room.home, "beam time"),
        ("booking", "draft", room.home, "beam time"),
        ("maintenance", "scheduled", None, "new pump"),
    ]
    assert [seen(actor) for actor in (room.operator, director, room.member)] == [whole] * 3
    assert [seen(actor) for actor in (stranger, bound)] == [
        [("booking", "scheduled", None, None), ("maintenance", "scheduled", None, "new pump")]
    ] * 2


def test_leads_give_up_their_own_booking_only(room: Room) -> None:
    mine, planned = room.book(room.operator, 0, 1), room.maintain(2, 3)

    def cancel(actor: Principal, reservation: str) -> Any:
        return room.centre.perform(verbs.cancel_reservation, actor, reservation=reservation)

    for actor, reservation, kind in (
        (room.member, mine["reservation"], "forbidden"),
        (person(room.centre, "s"), mine["reservation"], "not-found"),
        (room.lead, planned["reservation"], "not-found"),
        (room.lead, new_id(5), "not-found"),
        (room.lead, "x", "not-found"),
    ):
        with pytest.raises(CentreError) as refused:
            cancel(actor, reservation)
        assert refused.value.kind == kind
    assert cancel(room.lead, mine["reservation"])["state"] == "cancelled"
    assert room.free(room.other) == room.at(2)
    with pytest.raises(CentreError, match="is cancelled"):
        cancel(room.lead, mine["reservation"])


def test_a_retired_devices_reservations_are_cancelled(room: Room) -> None:
    room.centre.perform(
        verbs.add, room.operator, device="chenab", title="Chenab", kind="qpu", driver="qcis",
        qubits=5, description={},
    )  # fmt: skip
    room.book(room.operator, 0, 1, device="chenab")
    room.book(room.operator, 0, 1)
    room.centre.perform(verbs.retire, room.operator, device="chenab")
    assert room.states() == ["cancelled", "scheduled"]
    with pytest.raises(CentreError, match="retired"):
        room.book(room.operator, 0, 1, device="chenab")


@pytest.mark.parametrize(
    ("field", "value"),
    [("starts_at", 1.5), ("ends_at", 0), ("ends_at", 2**60), ("impact", "some"), ("note", "a\x00"),
     ("draft", "yes")],
)  # fmt: skip
@pytest.mark.parametrize("database", ["sqlite"])
def test_wrong_maintenance_names_its_field(room: Room, field: str, value: Any) -> None:
    good = {
        "device": "simulator", "impact": "full", "note": "", "draft": False,
        "starts_at": room.at(0), "ends_at": room.at(1),
    }  # fmt: skip
    with pytest.raises(CentreError) as refused:
        room.centre.perform(verbs.maintain, room.operator, **{**good, field: value})
    assert (refused.value.kind, refused.value.field, room.states()) == ("invalid", field, [])


@pytest.mark.parametrize("database", ["postgresql"])
def test_two_servers_cannot_book_the_same_hour(
    room: Room, settings_for: Callable[..., Settings]
) -> None:
    outcomes: list[str] = []
    with Centre.open(settings_for()) as second:
        for hour in range(6):
            barrier = threading.Barrier(2)

            def book(centre: Centre, hour: int = hour, barrier: Any = barrier) -> None:
                barrier.wait(10)
                try:
                    made = centre.perform(
                        verbs.book, room.operator, device="simulator", project=room.home,
                        starts_at=room.at(hour), ends_at=room.at(hour + 1),
                    )  # fmt: skip
                    outcomes.append(made["state"])
                except CentreError as error:
                    outcomes.append(error.kind)

            threads = [threading.Thread(target=book, args=(c,)) for c in (room.centre, second)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert sorted(outcomes) == ["conflict"] * 6 + ["scheduled"] * 6
