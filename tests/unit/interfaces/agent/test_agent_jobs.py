"""An agent beside hardware: jobs run once, whatever becomes of the network and the agent."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from markaz.centre.access import CentreRole
from markaz.centre.db.schema import devices
from markaz.centre.jobs import queries as job_queries
from markaz.centre.jobs import verbs as job_verbs
from tests.agent_tools import LAB, Lab, LabDevice, held_job, lab_sheet
from tests.centre_rows import do, person, rows
from tests.dispatcher_tools import Worker
from tests.waiting import until

DAY = 86_400.0
sqlite_only = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def test_a_job_runs_on_the_device_and_says_so(lab: Lab, device: LabDevice) -> None:
    lab.start()
    job = lab.submit(seed=7)
    row = lab.wait(job)
    assert (row["state"], row["attempt"]) == ("completed", 1)
    result = lab.shop.result(job)
    assert result["counts"] == {"00": 100}
    assert (result["shots"], result["seed"], result["registers"]) == (100, 7, [["c", 2]])
    assert result["plan"]["engine"] == "device:lab"
    about = result["device"]
    assert (about["name"], about["digest"], about["sheet"]) == ("lab", LAB.digest, None)
    assert about["emulated"] is None
    assert len(about["compile"]["layout"]["start"]) == 2
    assert len(device.ran) == 1
    charge = 1000 + 10 * 100 + round(row["run_seconds"] * 1e6)
    assert dict(lab.entries(job))["charge"] == -charge
    until(lambda: lab.spooled() == [])


@sqlite_only
def test_observables_and_mitigation_are_measured_on_it(lab: Lab, device: LabDevice) -> None:
    lab.start()
    job = lab.submit(observables=["ZZ", "0.5*XX"], seed=1)
    assert lab.wait(job)["state"] == "completed"
    assert lab.shop.result(job)["values"] == [1.0, 0.5]  # all zeros in both bases
    assert len(device.ran) == 2


@sqlite_only
def test_the_device_is_offline_while_its_agent_is_away(lab: Lab) -> None:
    operator = person(lab.centre, "oona", CentreRole.OPERATOR)
    assert lab.status() == "offline"
    lab.start()
    lab.until_status("idle")
    lab.cut_off()
    job = lab.submit()
    why = lab.centre.ask(job_queries.explanation, operator, job=job)
    assert "device lab is in status offline" in why["words"]
    assert lab.state(job) == "queued"
    lab.online.set()
    lab.until_status("idle")
    assert lab.wait(job)["state"] == "completed"


def test_days_without_network_lose_and_double_nothing(lab: Lab, device: LabDevice) -> None:
    lab.start()
    lab.until_status("idle")
    device.gate.clear()
    job = lab.submit()
    until(lambda: any(j.state == "running" for j in device.jobs.values()))
    lab.cut_off()
    device.gate.set()
    until(lambda: device.ran)
    lab.clock.ahead += 3 * DAY
    until(lambda: lab.dispatcher._actor.settle(5))
    lab.restart_centre()
    lab.clock.ahead += 3 * DAY
    waiting = lab.submit()
    assert (lab.state(job), lab.state(waiting)) == ("running", "queued")
    lab.online.set()
    row = lab.wait(job)
    assert (row["state"], row["attempt"], row["losses"]) == ("completed", 1, 0)
    assert lab.wait(waiting)["state"] == "completed"
    assert len(device.ran) == 2
    assert lab.kinds(job).count("charge") == 1


@sqlite_only
def test_when_its_patience_is_over_others_may_run_the_job_and_it_is_refused(
    lab: Lab, device: LabDevice
) -> None:
    job = held_job(lab, device)
    lab.cut_off()
    lab.clock.ahead += 8 * DAY
    until(lambda: lab.state(job) == "queued")
    device.gate.set()
    lab.online.set()
    row = lab.wait(job)
    assert (row["state"], row["attempt"], row["losses"]) == ("completed", 2, 1)
    assert lab.kinds(job).count("charge") == 1
    until(lambda: lab.spooled() == [])


@sqlite_only
def test_the_centre_bounds_the_patience(lab: Lab, device: LabDevice) -> None:
    job = held_job(lab, device, patience_days=365)
    lab.cut_off()
    lab.clock.ahead += 7.5 * DAY
    until(lambda: lab.state(job) == "queued")


def test_a_job_that_is_cancelled_meanwhile_ends_at_once_and_costs_nothing(
    lab: Lab, device: LabDevice
) -> None:
    job = held_job(lab, device)
    lab.cut_off()
    lab.centre.perform(job_verbs.cancel, lab.shop.member, job=job)
    assert lab.wait(job)["state"] == "cancelled"
    device.gate.set()
    until(lambda: device.ran)
    lab.online.set()
    until(lambda: lab.spooled() == [])
    assert lab.state(job) == "cancelled"
    assert lab.kinds(job) == ["reserve", "release"]


@sqlite_only
def test_a_cancel_that_did_not_arrive_before_the_network_went_counts_too(
    lab: Lab, device: LabDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = held_job(lab, device)
    (agent,) = lab.running()
    monkeypatch.setattr(agent.runs, "cancel", lambda key: None)  # the message is lost
    lab.centre.perform(job_verbs.cancel, lab.shop.member, job=job)
    until(lambda: lab.dispatcher._actor.settle(5))
    assert lab.state(job) == "running"
    lab.cut()
    assert lab.wait(job)["state"] == "cancelled"
    assert lab.entries(job)[-1][0] == "release"


@sqlite_only
def test_a_running_job_is_stopped_on_the_device(lab: Lab, device: LabDevice) -> None:
    first = held_job(lab, device)
    lab.centre.perform(job_verbs.cancel, lab.shop.member, job=first)
    assert lab.wait(first)["state"] == "cancelled"
    device.gate.set()
    assert lab.wait(lab.submit())["state"] == "completed"


def test_a_stopped_agent_goes_on_where_it_was(lab: Lab, device: LabDevice) -> None:
    job = held_job(lab, device)
    lab.stop()
    lab.until_status("offline")
    assert (lab.state(job), len(lab.spooled())) == ("running", 1)
    lab.start()
    device.gate.set()
    row = lab.wait(job)
    assert (row["state"], row["attempt"]) == ("completed", 1)
    assert len(device.ran) == 1


@sqlite_only
def test_a_finished_job_is_reported_by_the_next_agent(lab: Lab, device: LabDevice) -> None:
    job = held_job(lab, device)
    lab.cut()
    device.gate.set()
    spool = lab.folder / "spool"
    until(lambda: list(spool.glob("*.result")))
    lab.stop()
    lab.online.set()
    lab.start()
    assert lab.wait(job)["attempt"] == 1
    assert len(device.ran) == 1
    until(lambda: list(spool.glob("*.result")) == [])


@sqlite_only
def test_a_device_that_forgot_the_program_costs_nothing(lab: Lab, device: LabDevice) -> None:
    job = held_job(lab, device)
    lab.stop()
    device.jobs.clear()
    lab.start()
    row = lab.wait(job)
    assert (row["state"], row["error_kind"], row["charged"]) == ("failed", "engine", 0)
    assert "does not know" in row["error_message"]
    assert lab.entries(job)[-1][0] == "release"
    assert [len(device.ran), len(device.jobs)] == [0, 0]  # it was not handed over again


@sqlite_only
def test_programs_that_the_device_cannot_run_are_the_jobs_fault(lab: Lab) -> None:
    lab.start()
    wide = b'OPENQASM 2.0;include "qelib1.inc";qreg q[6];creg c[6];h q;measure q->c;'
    lab.until_status("idle")
    narrow = b'OPENQASM 2.0;include "qelib1.inc";qreg q[5];creg c[5];h q;measure q->c;'
    assert lab.wait(lab.submit(narrow))["state"] == "completed"
    with pytest.raises(Exception, match="qubits"):
        lab.submit(wide)
    reset = b'OPENQASM 2.0;include "qelib1.inc";qreg q[1];creg c[1];h q;reset q;measure q->c;'
    row = lab.wait(lab.submit(reset))
    assert (row["state"], row["error_kind"], row["charged"]) == ("failed", "unsupported", 0)


@sqlite_only
def test_an_unknown_device_is_refused_in_words(lab: Lab) -> None:
    do(lab.centre, lambda w: w.run(update(devices.devices).values(driver="simulate")))
    lab.start()
    until(lambda: lab.reasons)
    assert lab.reasons == ["device lab has driver simulate, not agent"]
    assert lab.status() == "offline"


@sqlite_only
def test_a_second_agent_of_the_device_waits_until_the_first_is_gone(lab: Lab) -> None:
    lab.start()
    lab.until_status("idle")
    first = {peer.id for peer in lab.dispatcher._peers.values()}
    lab.start("another")
    until(lambda: len(lab._links) > 4)  # it tried more than once
    assert {peer.id for peer in lab.dispatcher._peers.values()} == first
    running, thread = lab._running.pop(0)
    running.drain()
    thread.join(20)
    until(lambda: {p.id for p in lab.dispatcher._peers.values() if p.link} - first)
    lab.until_status("idle")


@sqlite_only
def test_sheets_come_to_the_centre_and_decide_whether_the_device_is_in_order(
    lab: Lab, device: LabDevice
) -> None:
    lab.add_file()
    device.published = lab_sheet(5.0)
    lab.start()
    lab.until_status("needs-calibration")
    job = lab.submit()
    operator = person(lab.centre, "olga", CentreRole.OPERATOR)
    why = lab.centre.ask(job_queries.explanation, operator, job=job)
    assert "device lab is in status needs-calibration" in why["words"]
    good = device.published = lab_sheet(50.0, at=1_700_000_001_000_000)
    assert lab.wait(job)["state"] == "completed"
    assert lab.shop.result(job)["device"]["sheet"] == good.id
    row = lab.row()
    assert (row["sheet_id"], row["status"]) == (good.id, "idle")
    until(lambda: list((lab.folder / "spool" / "sheets").iterdir()) == [])


@sqlite_only
def test_sheets_wait_for_the_network(lab: Lab, device: LabDevice) -> None:
    lab.add_file()
    lab.start()
    lab.until_status("idle")
    lab.cut_off()
    kept = [lab_sheet(20.0), lab_sheet(30.0, at=1_700_000_001_000_000)]
    for n, sheet in enumerate(kept, 1):
        device.published = sheet
        until(lambda n=n: len(list((lab.folder / "spool" / "sheets").iterdir())) == n)
    lab.online.set()
    lab.until_status("idle")
    until(lambda: {r["id"] for r in rows(lab.centre, devices.sheets)} == {s.id for s in kept})
    assert lab.row()["sheet_id"] == kept[1].id


@sqlite_only
def test_a_device_in_maintenance_stays_so_whatever_its_agent_says(lab: Lab) -> None:
    do(lab.centre, lambda w: w.run(update(devices.devices).values(status="maintenance")))
    lab.start()
    until(lambda: lab.dispatcher.workers() == 1)
    until(lambda: lab.dispatcher._actor.settle(5))
    assert lab.status() == "maintenance"


@sqlite_only
def test_workers_of_other_devices_do_not_stand_in_its_way(lab: Lab) -> None:
    others = [Worker(lab.dispatcher) for _ in range(2)]
    for other in others:
        other.hello(slots=2)
    lab.start()
    lab.until_status("idle")
    jobs = [lab.submit() for _ in range(3)]
    assert [lab.wait(job)["state"] for job in jobs] == ["completed"] * 3
    for other in others:
        other.hears_nothing(0.01)
        other.link.close()
