"""Tables of jobs and of the queue."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from markaz.centre.db.tables import Big, Micros, id_column, metadata, refers

# Conditions of partial indexes. A statement that is to use one repeats it word by word
# (as text, not as parameters): that is how both databases recognise it.
QUEUED: Final = "state = 'queued'"
ACTIVE: Final = "(state = 'claimed' OR state = 'running')"
OPEN: Final = "(state = 'held' OR state = 'queued' OR state = 'claimed' OR state = 'running')"
KEPT: Final = "ended_at IS NOT NULL AND swept_at IS NULL"
SWEPT: Final = "swept_at IS NOT NULL"
FAILED: Final = "state = 'failed'"
CANCELLED: Final = "state = 'cancelled'"


def _partial(name: str, where: str, *columns: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


jobs = Table(
    "jobs",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    refers("project_id", "projects"),
    refers("user_id", "users"),
    refers("device_id", "devices"),
    refers("session_id", "sessions", nullable=True),
    Column("kind", String(16), nullable=False),  # run, later sampler, estimator, calibration …
    Column("name", String(200), nullable=False, server_default=""),
    Column("tags", Text, nullable=False, server_default="[]"),  # JSON list
    Column("private", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=True),  # of held: see ``states.HOLDS``
    Column("note", Text, nullable=True),  # an operator's words that the user may read
    Column("attempt", Integer, nullable=False, server_default="0"),  # the fencing token
    Column("losses", Integer, nullable=False, server_default="0"),  # of its worker
    Column("worker_id", String(40), nullable=True),
    Column("cancel_by", String(8), nullable=True),  # user, operator: it is to be stopped
    Column("cancel_wanted_at", Micros, nullable=True),
    # The queue: jobs of one group are served in the order of `place`, the time from which
    # the job may run (an operator can set it earlier or later).
    Column("group_id", Big, nullable=True),
    Column("place", Big, nullable=False),
    Column("qos", String(16), nullable=False),
    # What was asked, and what it is: hashes of stored contents.
    Column("input_hash", String(64), nullable=False),  # the program as it was handed in
    Column("circuit_hash", String(64), nullable=False),  # the checked circuit (wire format)
    Column("program_hash", String(80), nullable=False),  # semantic, "sha256:…"
    Column("options", Text, nullable=False),  # JSON: shots, seed, engine, observables …
    Column("shots", Big, nullable=False),
    Column("qubits", Integer, nullable=False),
    Column("limit_seconds", Float, nullable=False),
    Column("predicted_seconds", Float, nullable=True),
    Column("predicted_bytes", Big, nullable=True),
    # The outcome.
    Column("result_hash", String(64), nullable=True),
    Column("error_kind", String(24), nullable=True),
    Column("error_message", Text, nullable=True),
    Column("run_seconds", Float, nullable=True),
    # Money, micro-credits.
    Column("allocation_id", String(40), nullable=True),
    Column("price", Text, nullable=False),  # JSON: the rate that was in force at submission
    Column("reserved", Micros, nullable=False, server_default="0"),
    Column("charged", Micros, nullable=True),
    # What was said about the wait when it was submitted, seconds; raw is before correction.
    Column("wait_raw", Float, nullable=True),
    Column("wait_p50", Float, nullable=True),
    Column("wait_p90", Float, nullable=True),
    Column("created_at", Micros, nullable=False),
    Column("eligible_at", Micros, nullable=True),
    Column("claimed_at", Micros, nullable=True),
    Column("started_at", Micros, nullable=True),
    Column("ended_at", Micros, nullable=True),
    Column("swept_at", Micros, nullable=True),  # when retention took its contents
    Column("deleted_at", Micros, nullable=True),  # its owner wants to see it no more
    CheckConstraint(
        "state IN ('held', 'queued', 'claimed', 'running', 'completed', 'failed', 'cancelled')",
        name="state",
    ),
    CheckConstraint("charged IS NULL OR charged <= reserved", name="charge"),
    Index("ix_jobs_project_id_seq", "project_id", "seq"),
    Index("ix_jobs_user_id_seq", "user_id", "seq"),
    # Only what is not final: these stay small however many jobs are stored.
    # (SQLite reads the row itself unless the index holds the state too.)
    _partial("ix_jobs_waiting", QUEUED, "group_id", "place", "predicted_seconds", "state"),
    _partial("ix_jobs_held", "state = 'held'", "project_id", "place"),
    _partial("ix_jobs_active", ACTIVE, "worker_id", "user_id", "device_id", "state"),
    _partial("ix_jobs_open", OPEN, "user_id", "state", "seq"),
    _partial("ix_jobs_session_id", "session_id IS NOT NULL", "session_id", "seq"),
    # What retention and the record of forecasts walk through, oldest first.
    _partial("ix_jobs_ended_at", KEPT, "ended_at"),
    _partial("ix_jobs_swept_ended_at", SWEPT, "ended_at"),
    # What few jobs come to, for lists of them over years.
    _partial("ix_jobs_failed_ended_at", FAILED, "ended_at"),
    _partial("ix_jobs_cancelled_ended_at", CANCELLED, "ended_at"),
)

# Waiting jobs that any rule treats alike: same device, person in project, QoS, size class
# and session. The order among groups changes with time and usage; inside one it does not.
queue_groups = Table(
    "queue_groups",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    refers("device_id", "devices"),
    refers("project_id", "projects"),
    refers("user_id", "users"),
    Column("qos", String(16), nullable=False),
    Column("size_class", Integer, nullable=False),  # ⌈4·log2(limit_seconds)⌉
    Column("session_id", String(40), nullable=False, server_default=""),
    Column("boost", Integer, nullable=False, server_default="0"),  # an operator's override
    Index(
        "uq_queue_groups_key",
        "device_id", "project_id", "user_id", "qos", "size_class", "session_id", "boost",
        unique=True,
    ),
)  # fmt: skip

# Decayed usage of a person in a project: `amount` QPU-seconds as of `as_of`.
usage = Table(
    "usage",
    metadata,
    refers("project_id", "projects"),
    refers("user_id", "users"),
    Column("amount", Float, nullable=False),
    Column("as_of", Micros, nullable=False),
    PrimaryKeyConstraint("project_id", "user_id"),
)

# What jobs that ended used, by the day of their end: sums, so that reports over years are quick.
used_days = Table(
    "used_days",
    metadata,
    Column("day", Integer, nullable=False),  # date.toordinal, in the zone of `used_until`
    refers("project_id", "projects"),
    refers("user_id", "users"),
    refers("device_id", "devices"),
    Column("jobs", Big, nullable=False),
    Column("completed", Big, nullable=False),
    Column("failed", Big, nullable=False),
    Column("shots", Big, nullable=False),
    Column("micros", Big, nullable=False),  # run time, microseconds
    Column("charged", Micros, nullable=False),
    PrimaryKeyConstraint("day", "project_id", "user_id", "device_id"),
)

# One row: the job up to which they are summed up, and the time zone of the days.
used_until = Table(
    "used_until",
    metadata,
    Column("zone", String(64), primary_key=True),
    Column("ended_at", Micros, nullable=False),
    Column("seq", Big, nullable=False),
)

# What operators did to the order, with the reason that those delayed can read.
interventions = Table(
    "interventions",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    refers("device_id", "devices"),
    Column("job_id", String(40), nullable=False),
    Column("verb", String(16), nullable=False),  # hold, release, requeue, move, override
    Column("ahead", Boolean, nullable=False),  # whether it put the job before others
    Column("reason", Text, nullable=False),
    Column("actor", String(40), nullable=False),
    Column("at", Micros, nullable=False),
    Index("ix_interventions_device_id_at", "device_id", "at"),
    Index("ix_interventions_job_id", "job_id"),
)

sessions = Table(
    "sessions",
    metadata,
    id_column(),
    refers("project_id", "projects"),
    refers("user_id", "users"),
    refers("device_id", "devices"),
    Column("mode", String(16), nullable=False),  # dedicated, batch
    Column("state", String(16), nullable=False),  # pending, open, draining, closed
    Column("max_seconds", Float, nullable=False),
    Column("idle_seconds", Float, nullable=False),
    Column("created_at", Micros, nullable=False),
    Column("opened_at", Micros, nullable=True),
    Column("last_job_at", Micros, nullable=True),
    Column("closed_at", Micros, nullable=True),
    CheckConstraint("mode IN ('dedicated', 'batch')", name="mode"),
    CheckConstraint("state IN ('pending', 'open', 'draining', 'closed')", name="state"),
    Index("ix_sessions_project_id", "project_id"),
    Index("ix_sessions_user_id", "user_id"),
    _partial("ix_sessions_live", "state <> 'closed'", "device_id"),
)
