"""The table of all settings; see ``settings`` for how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from markaz.centre.errors import invalid

PREFIX: Final = "MARKAZ_"
_WORDS: Final = {"true": True, "yes": True, "on": True, "1": True} | {
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table; ``low`` and ``high`` bound numbers, ``secret`` hides the value."""

    name: str
    default: str | int | float | bool
    meaning: str
    low: float = float("-inf")
    high: float = float("inf")
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()

    def parse(self, raw: Any) -> Any:
        """``raw`` (text, or a TOML value) as this setting's type.

        Raises CentreError ``invalid`` naming the setting for a value that does not fit.
        """
        kind = type(self.default)
        try:
            value = _as_bool(raw) if kind is bool else kind(raw)
        except (TypeError, ValueError, KeyError):
            raise invalid(self.name, f"{self.name} must be {kind.__name__}, not {raw!r}") from None
        if kind in (int, float) and not self.low <= float(value) <= self.high:
            span = f"from {self.low:g} to {self.high:g}"
            raise invalid(self.name, f"{self.name} must be {span}, not {raw!r}")
        return value


def _as_bool(raw: Any) -> bool:
    return raw if isinstance(raw, bool) else _WORDS[str(raw).strip().lower()]


GROUPS: Final[dict[str, tuple[Setting, ...]]] = {
    "Where the centre lives": (
        Setting("data", "", "Data directory; without it ~/.local/share/markaz."),
        Setting(
            "database_url",
            "",
            "Database; empty means SQLite in the data directory, else postgresql://user@host/name.",
            secret=True,
        ),
        Setting("host", "127.0.0.1", "Address to listen on."),
        Setting("port", 8050, "Port to listen on; 0 takes a free one.", low=0, high=65535),
        Setting(
            "public_url",
            "",
            "What links and `markaz env` show; empty means the address listened on.",
        ),
        Setting(
            "allow_plain_http",
            False,
            "Listen beyond loopback without TLS (behind a proxy that has it).",
        ),
        Setting(
            "trusted_proxies", "", "Comma-separated addresses whose X-Forwarded-For is believed."
        ),
        Setting(
            "tls_certificate",
            "",
            "PEM file with the certificate chain; with tls_key the centre speaks https itself.",
        ),
        Setting("tls_key", "", "PEM file with the private key."),
        Setting("site_name", "Markaz", "The centre's name, as people read it."),
        Setting("sign_up", True, "People may ask for an account; operators approve it."),
    ),
    "The portal": (
        Setting(
            "session_idle_minutes",
            120.0,
            "A browser that nobody uses for this long is logged out; after 12 hours any is.",
            low=5,
            high=720,
        ),
        Setting(
            "oidc_issuer",
            "",
            "Address of an OpenID Connect issuer through which people may log in too.",
        ),
        Setting("oidc_name", "", "How the portal calls it; empty means its host."),
        Setting("oidc_client_id", "", "The centre's name there."),
        Setting(
            "oidc_client_secret", "", "Its secret there; empty for a public client.", secret=True
        ),
        Setting("time_zone", "UTC", "Zone of the times on pages, such as Asia/Karachi."),
    ),
    "The runtime client's interface": (
        Setting(
            "token_minutes",
            60.0,
            "How long a login of a runtime client holds; revoking its key ends it at once.",
            low=1,
            high=1440,
        ),
        Setting(
            "resubmit_seconds",
            300.0,
            "How long a repeated submission is taken for one whose answer was lost.",
            low=0,
            high=86400,
        ),
        Setting(
            "revoke_leaked_keys",
            True,
            "Revoke a key that a client without IAM_URL sent elsewhere; else it is only marked.",
        ),
        Setting(
            "runtime_qubits",
            1000,
            "Qubits that runtime clients see of a simulator that takes more: they build tables.",
            low=1,
            high=100000,
        ),
    ),
    "Workers and jobs": (
        Setting(
            "workers", 2, "Local worker processes that `markaz up` keeps running.", low=0, high=256
        ),
        Setting(
            "lease_seconds",
            30.0,
            "A worker that has been silent this long has lost its jobs.",
            low=0.2,
            high=3600,
        ),
        Setting(
            "heartbeat_seconds", 5.0, "How often a worker says that it lives.", low=0.05, high=600
        ),
        Setting(
            "worker_grace_seconds",
            1.0,
            "How long a worker without connection may take to return before it loses its jobs.",
            low=0,
            high=3600,
        ),
        Setting(
            "monitor_hours",
            6.0,
            "An emulated device that was idle so long is looked at, for drift; 0: never.",
            low=0,
            high=10_000,
        ),
        Setting(
            "agent_patience_days",
            7.0,
            "How long at most an agent beside hardware keeps its jobs without connection.",
            low=0,
            high=365,
        ),
        Setting(
            "worker_memory_gib",
            0.0,
            "Memory that one job may use; 0 shares the machine's among the workers.",
            low=0,
            high=65536,
        ),
        Setting(
            "max_attempts", 5, "A job that took its worker down this often fails.", low=1, high=100
        ),
        Setting("max_job_seconds", 3600.0, "The longest time limit that a job may ask for.", low=1),
        Setting(
            "default_job_seconds", 60.0, "The time limit of a job that asks for none.", low=0.1
        ),
        Setting("max_shots", 10000000, "The most shots that one job may ask for.", low=1),
        Setting("max_running_per_user", 16, "Jobs of one person that run at once.", low=1),
        Setting("max_waiting_per_user", 10000, "Jobs of one person that may wait.", low=1),
        Setting(
            "max_held_per_user",
            100,
            "Jobs of one person that may be held for want of allocation.",
            low=0,
        ),
        Setting(
            "drain_seconds",
            30.0,
            "On SIGTERM, how long running jobs may go on before they return to the queue.",
            low=0,
        ),
    ),
    "Fair share": (
        Setting(
            "half_life_days",
            7.0,
            "Past usage counts half as much after this time.",
            low=0.01,
            high=365,
        ),
        Setting(
            "weight_fair_share",
            10000.0,
            "Weight of the fair-share factor in a job's priority.",
            low=0,
        ),
        Setting("weight_age", 1000.0, "Weight of the age factor.", low=0),
        Setting("weight_qos", 100000.0, "Weight of the QoS class.", low=0),
        Setting("weight_size", 100.0, "Weight of the size factor (short jobs slightly up).", low=0),
        Setting("max_age_days", 7.0, "Wait after which the age factor is 1.", low=0.001),
    ),
    "Limits and retention": (
        Setting("max_body_mib", 64, "The largest request body.", low=1, high=4096),
        Setting(
            "requests_per_minute",
            6000,
            "Requests of one person; a runtime client's polls may be ten times as many.",
            low=1,
        ),
        Setting(
            "requests_per_minute_anonymous", 600, "Requests of one address without a login.", low=1
        ),
        Setting("requests_per_minute_total", 120000, "Requests of everybody together.", low=1),
        Setting("logins_per_minute", 10, "Failed logins of one address or one account.", low=1),
        Setting(
            "retention_days",
            730,
            "How long inputs and results are kept unless the project says otherwise.",
            low=1,
        ),
        Setting("quota_gib", 50.0, "Inputs and results that one project may keep.", low=0),
        Setting("idempotency_hours", 48, "How long an Idempotency-Key is remembered.", low=24),
        Setting(
            "inline_kib",
            64,
            "Inputs and results up to this size live in the database, larger ones in the store.",
            low=0,
            high=1024,
        ),
    ),
    "Store for large inputs and results": (
        Setting(
            "store_url",
            "",
            "Empty means files in the data directory; s3://bucket/prefix an S3-compatible store.",
        ),
        Setting("s3_endpoint", "", "Address of an S3-compatible store that is not Amazon's."),
        Setting("s3_region", "us-east-1", "Its region."),
        Setting("s3_access_key", "", "Its access key."),
        Setting("s3_secret_key", "", "Its secret key.", secret=True),
    ),
    "Mail": (
        Setting(
            "smtp_host", "", "Mail server; empty means that operators hand out one-time links."
        ),
        Setting("smtp_port", 587, "Its port.", low=1, high=65535),
        Setting("smtp_user", "", "User name there."),
        Setting("smtp_password", "", "Password there.", secret=True),
        Setting("smtp_tls", "starttls", "starttls, tls or none."),
        Setting("mail_from", "", "Sender address."),
    ),
    "Logs": (
        Setting("log_level", "info", "debug, info, warning or error."),
        Setting("log_format", "json", "json or console."),
    ),
}

TABLE: Final[tuple[Setting, ...]] = tuple(row for rows in GROUPS.values() for row in rows)
BY_NAME: Final[dict[str, Setting]] = {row.name: row for row in TABLE}
