"""Tables of jobs and of the queue."""

from __future__ import annotations

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

STATES = ("held", "queued", "claimed", "running", "completed", "failed", "cancelled")

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
    Column("reason", String(32), nullable=True),  # of held: allocation, cap, device, operator …
    Column("note", Text, nullable=True),  # an operator's words that the user may read
    Column("attempt", Integer, nullable=False, server_default="0"),  # the fencing token
    Column("worker_id", String(40), nullable=True),
    # The queue: jobs of one group are served in the order of `place`.
    Column("group_id", Big, nullable=True),
    Column("place", Big, nullable=False),
    Column("qos", String(16), nullable=False),
    # What was asked, and what it is: hashes of stored contents.
    Column("input_hash", String(64), nullable=False),  # the program as it was handed in
    Column("circuit_hash", String(64), nullable=False),  # the checked circuit (wire format)
    Column("program_hash", String(64), nullable=False),  # semantic
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
    # What was said about the wait when it was submitted, seconds.
    Column("wait_p50", Float, nullable=True),
    Column("wait_p90", Float, nullable=True),
    Column("created_at", Micros, nullable=False),
    Column("eligible_at", Micros, nullable=True),
    Column("claimed_at", Micros, nullable=True),
    Column("started_at", Micros, nullable=True),
    Column("ended_at", Micros, nullable=True),
    CheckConstraint(
        "state IN ('held', 'queued', 'claimed', 'running', 'completed', 'failed', 'cancelled')",
        name="state",
    ),
    CheckConstraint("charged IS NULL OR charged <= reserved", name="charge"),
    Index("ix_jobs_project_id_seq", "project_id", "seq"),
    Index("ix_jobs_user_id_seq", "user_id", "seq"),
    # Only what waits or runs: these stay small however many jobs are stored.
    Index(
        "ix_jobs_waiting",
        "group_id",
        "place",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "ix_jobs_held",
        "user_id",
        "reason",
        sqlite_where=text("state = 'held'"),
        postgresql_where=text("state = 'held'"),
    ),
    Index(
        "ix_jobs_active",
        "worker_id",
        sqlite_where=text("state IN ('claimed', 'running')"),
        postgresql_where=text("state IN ('claimed', 'running')"),
    ),
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
    Column("size_class", Integer, nullable=False),  # ⌈log2(limit_seconds)⌉
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
)
