"""Tables of people and institutions."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from markaz.centre.db.tables import Big, Blob, Micros, id_column, metadata, refers

institutions = Table(
    "institutions",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False, unique=True),
    Column("country", String(2), nullable=False, server_default=""),
    Column("shares", Integer, nullable=False, server_default="1"),
    Column("created_at", Micros, nullable=False),
    CheckConstraint("shares >= 0", name="shares"),
)

users = Table(
    "users",
    metadata,
    id_column(),
    Column("login", String(64), nullable=False, unique=True),  # lower case, no confusables
    Column("name", String(200), nullable=False),
    Column("email", String(254), nullable=True),
    refers("institution_id", "institutions", index=True),
    Column("state", String(16), nullable=False),  # pending, active, suspended, erased
    Column("language", String(8), nullable=False, server_default="en"),
    Column("password_hash", String(200), nullable=True),
    Column("totp_salt", Blob, nullable=True),  # the secret follows from it and the centre's key
    Column("totp_confirmed", Boolean, nullable=False, server_default=text("false")),
    Column("totp_last_step", Big, nullable=False, server_default="0"),
    Column("created_at", Micros, nullable=False),
    Column("last_login_at", Micros, nullable=True),
    CheckConstraint("state IN ('pending', 'active', 'suspended', 'erased')", name="state"),
)

# Guesses at a login name, whether or not anybody has it (or the answer would tell).
login_attempts = Table(
    "login_attempts",
    metadata,
    Column("name", String(64), primary_key=True),  # keyed hash of what was typed
    Column("count", Integer, nullable=False),
    Column("last_at", Micros, nullable=False),
    Column("locked_until", Micros, nullable=False),
)

centre_roles = Table(
    "centre_roles",
    metadata,
    refers("user_id", "users"),
    Column("role", String(32), nullable=False),
    Column("granted_at", Micros, nullable=False),
    PrimaryKeyConstraint("user_id", "role"),
)

api_keys = Table(
    "api_keys",
    metadata,
    id_column(),
    Column("kind", String(1), nullable=False),  # u user, s session, b browser, w worker
    refers("user_id", "users", nullable=True, index=True),  # null: the centre's own (workers)
    refers("project_id", "projects", nullable=True),
    Column("label", String(100), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("shown", String(16), nullable=False),  # the first characters, to tell keys apart
    Column("scopes", Text, nullable=True),  # JSON list; null means all
    Column("created_at", Micros, nullable=False),
    Column("expires_at", Micros, nullable=True),
    Column("idle_seconds", Integer, nullable=True),  # ends when unused this long; null: never
    Column("last_used_at", Micros, nullable=True),
    Column("revoked_at", Micros, nullable=True),
    Column("signed_in_at", Micros, nullable=True),  # when a runtime client last logged in with it
    Column("leaked_at", Micros, nullable=True),  # when it was seen to have gone to others
    CheckConstraint("kind IN ('u', 's', 'b', 'w')", name="kind"),
    CheckConstraint("(user_id IS NULL) = (kind = 'w')", name="owner"),
)

# Who somebody is elsewhere: a login there is one here. Found by issuer and subject, which
# never change hands; a mail address does.
identities = Table(
    "identities",
    metadata,
    id_column(),
    refers("user_id", "users", index=True),
    Column("issuer", String(500), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("linked_at", Micros, nullable=False),
    Column("last_login_at", Micros, nullable=True),
    UniqueConstraint("issuer", "subject", name="uq_identities_issuer_subject"),
)

# Links and codes that work once: lost password, lost TOTP, first password.
one_time_codes = Table(
    "one_time_codes",
    metadata,
    id_column(),
    refers("user_id", "users", index=True),
    Column("purpose", String(16), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", Micros, nullable=False),
    Column("expires_at", Micros, nullable=False),
    Column("used_at", Micros, nullable=True),
    Column("mailed", Boolean, nullable=False),
    CheckConstraint("purpose IN ('first', 'password', 'totp')", name="purpose"),
)
