"""All tables of the centre, imported in one place so that the metadata is complete."""

from __future__ import annotations

from markaz.centre.announcements import tables as announcements
from markaz.centre.audit import tables as audit
from markaz.centre.calibrations import tables as calibrations
from markaz.centre.db.tables import metadata
from markaz.centre.devices import tables as devices
from markaz.centre.jobs import tables as jobs
from markaz.centre.ledger import tables as ledger
from markaz.centre.people import tables as people
from markaz.centre.projects import tables as projects
from markaz.centre.storage import tables as storage
from markaz.centre.workers import tables as workers

__all__ = [
    "announcements",
    "audit",
    "calibrations",
    "devices",
    "jobs",
    "ledger",
    "metadata",
    "people",
    "projects",
    "storage",
    "workers",
]
