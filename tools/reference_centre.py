"""Pages of the reference that are printed from the centre's tables."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from markaz.centre.access import SCOPES, VERBS, Act, CentreRole, ProjectRole
from markaz.centre.errors import KINDS
from markaz.centre.jobs.priority import QOS
from markaz.centre.jobs.sessions import STATES as SESSION_STATES
from markaz.centre.jobs.states import HOLDS, MEANINGS, TRANSITIONS, State, Transition
from markaz.centre.people.key_verbs import EVERYDAY
from markaz.centre.people.tokens import KINDS as TOKENS
from markaz.centre.projects.lifecycle import STEPS
from markaz.centre.settings_table import GROUPS, Setting
from markaz.interfaces import acts
from markaz.interfaces.rest_api.metrics import Metrics
from tools.pages import page, section, table

SOURCE: Final = Path(__file__).resolve().parent.parent / "src/markaz/centre"
DASH: Final = "–"
# What a role is for; the code has no words for it. A role without an entry stops the printing.
CENTRE_ROLES: Final = {
    CentreRole.OPERATOR: "Runs the centre: accounts, projects, devices, queue. Does not see what"
    " is inside private jobs.",
    CentreRole.DIRECTOR: "Looks at everything but the inside of private jobs; changes nothing.",
    CentreRole.ALLOCATOR: "Approves projects, sets their terms and gives credits.",
    CentreRole.REVIEWER: "Has no rights of its own yet.",
    CentreRole.TRAINER: "Has no rights of its own yet.",
}
PROJECT_ROLES: Final = {
    ProjectRole.PI: "Leads the project: members, shares, bookings; sees and cancels all its jobs.",
    ProjectRole.CO_PI: "As the PI.",
    ProjectRole.ALLOCATOR: "Submits jobs, sets members' shares and reads the whole ledger.",
    ProjectRole.TRAINER: "Submits jobs, invites members and sees the jobs of all.",
    ProjectRole.MEMBER: "Submits jobs; sees the jobs of others if the project says so.",
}
EVENTS: Final = {
    "login_refused": "A login with a wrong name, password or one-time code.",
    "mail_failed": "A mail that the mail server did not take.",
    "mail_sent": "A mail that the mail server took.",
    "workers_lost": "A worker that died or fell silent; its jobs went back to the queue.",
    "zombies_refused": "A result of an attempt that had been superseded; it was discarded.",
}


def settings_page() -> str:
    """Every setting, by group."""
    parts = [
        section(title, table(("variable", "default", "meaning"), map(_setting, rows)))
        for title, rows in GROUPS.items()
    ]
    return page(
        "Settings",
        "A setting is read from these places, each overriding the one before: its default,\n"
        "`settings.toml` in the data directory (lower-case names without the prefix), the\n"
        "environment variable, the command line. An unknown name in the file or a value that does\n"
        "not fit stops the start. `markaz settings` prints the values in force, secrets masked.",
        *parts,
    )


def _setting(row: Setting) -> tuple[str, ...]:
    span = "" if row.high == float("inf") else f" From {row.low:,g} to {row.high:,g}."
    if not span and row.low != float("-inf"):
        span = f" At least {row.low:,g}."
    secret = " Secret." if row.secret else ""
    return f"`{row.variable}`", _value(row.default), f"{row.meaning}{span}{secret}"


def _value(value: Any) -> str:
    if value == "":
        return "empty"
    if isinstance(value, bool):
        return "`yes`" if value else "`no`"
    return f"`{value}`"


def jobs_page() -> str:
    """States of jobs and what moves them; classes, sessions and projects beside."""
    states = ((f"`{s}`", _is_final(s), MEANINGS[s]) for s in State)
    holds = ((f"`{reason}`", f"{words[0].upper()}{words[1:]}.") for reason, words in HOLDS.items())
    events = ((event, *_transition(found)) for event, found in TRANSITIONS.items())
    classes = ((f"`{name}`", f"{text[0].upper()}{text[1:]}.") for name, text in QOS.items())
    sessions = ((f"`{name}`", text) for name, text in SESSION_STATES.items())
    steps = ((step, _listed(before), f"`{after}`") for step, (before, after) in STEPS.items())
    return page(
        "States of jobs",
        "Every job that was acknowledged is in one of these states, and reaches exactly one final\n"
        "state. [How a job lives](../explanation/life-of-a-job.md) tells the story behind.",
        table(("state", "final", "meaning"), states),
        section("Reasons for which a job is held", table(("reason", "meaning"), holds)),
        section(
            "What can happen to a job",
            "Nothing else changes a state. *Fenced*: only the attempt that owns the job may bring\n"
            "the event. *New attempt*: every earlier attempt is refused from then on.\n",
            table(("event", "from", "to", "fenced", "new attempt", "meaning"), events),
        ),
        section(
            "QoS classes",
            "The first comes first. What a job asks for is refused if it may not have it.\n",
            table(("class", "for"), classes),
        ),
        section("States of sessions", table(("state", "meaning"), sessions)),
        section("Steps in the life of a project", table(("step", "from", "to"), steps)),
    )


def _is_final(state: State) -> str:
    return "yes" if not any(state in t.sources for t in TRANSITIONS.values()) else "no"


def _transition(found: Transition) -> tuple[str, ...]:
    target = f"`{found.target}`" if found.target else "unchanged"
    return (_listed(found.sources), target, _yes(found.fenced), _yes(found.raises), found.meaning)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _yes(value: bool) -> str:
    return "yes" if value else DASH


def errors_page() -> str:
    """Kinds of refusals of the centre."""
    rows = ((f"`{k}`", str(status), title, text) for k, (status, title, text) in KINDS.items())
    return page(
        "Error kinds of the centre",
        "Every refusal is a problem document (RFC 9457) with `type` `urn:markaz:problem:KIND`,\n"
        "the fields `title`, `status`, `detail` and `kind`, and where it helps `errors` (a JSON\n"
        "pointer or a parameter's name for each) and `details` (plain values). What a program is\n"
        "refused for, or a job failed with, is a kind of [another\n"
        "table](results.md#kinds-of-errors); of a refused program it is `details.program_kind`.\n\n"
        "What HTTP itself refuses is no kind of these: a method that an address does not take\n"
        "(405, with `Allow`) and a body that is no JSON (415) have the `type` `about:blank`, as\n"
        "RFC 9457 says, a `title`, `status` and `detail`, and no `kind`.",
        table(("kind", "HTTP status", "title", "meaning"), rows),
    )


def access_page() -> str:
    """Roles, scopes and kinds of keys."""
    centre = ((f"`{role}`", CENTRE_ROLES[role]) for role in CentreRole)
    project = ((f"`{role}`", PROJECT_ROLES[role]) for role in ProjectRole)
    scopes = ((f"`{n}`", f"{t[0].upper()}{t[1:]}.", _yes(n in EVERYDAY)) for n, t in SCOPES.items())
    tokens = ((f"`mkz_{letter}_`", what) for letter, what in TOKENS.items())
    return page(
        "Roles, scopes and keys",
        "What a request may do is decided by the person's roles and by the scopes of the key that\n"
        "it came with; both must allow it. [REST routes](rest.md) says for each route who may.",
        section("Roles at the centre", table(("role", "what it is"), centre)),
        section("Roles in a project", table(("role", "what it is"), project)),
        section(
            "Scopes of keys",
            "A login has all scopes. A key has those that it was made with: the *everyday* ones\n"
            "unless others were asked for.\n",
            table(("scope", "what such a key may do", "everyday"), scopes),
        ),
        section(
            "How secrets begin",
            "Behind the beginning stand 43 characters for 256 random bits and 6 for a checksum,\n"
            "so that a typo is recognised without asking a database, and a leaked secret by its\n"
            "form. Only the SHA-256 is stored.\n",
            table(("beginning", "what it is"), tokens),
        ),
    )


def metrics_page() -> str:
    """Metrics and the names of events."""
    rows = sorted(_metric(found) for found in _collectors(Metrics()))
    return page(
        "Metrics",
        "`GET /metrics` answers in the text format of Prometheus: from the same machine without a\n"
        "key, from elsewhere with a key of an operator or director. Counters end in `_total`;\n"
        "histograms have `_bucket`, `_sum` and `_count`.",
        table(("metric", "kind", "labels", "meaning"), rows),
        section(
            "Events",
            "Values of the label `event` of `markaz_events_total`.\n",
            table(("event", "meaning"), ((f"`{name}`", EVENTS[name]) for name in event_names())),
        ),
    )


def _collectors(metrics: Metrics) -> Iterator[Any]:
    yield from (found for found in vars(metrics).values() if hasattr(found, "_labelnames"))


def _metric(found: Any) -> tuple[str, ...]:
    described = found.describe()[0]
    end = "_total" if described.type == "counter" else ""
    labels = ", ".join(f"`{name}`" for name in found._labelnames) or DASH
    return f"`{described.name}{end}`", described.type, labels, described.documentation


def event_names() -> list[str]:
    """Names of the events that the centre counts."""
    texts = (path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    return sorted({name for text in texts for name in re.findall(r'\.count\("(\w+)"\)', text)})


def audit_page() -> str:
    """Every verb, as the audit trail names it."""
    acts.register_all()
    importlib.import_module("markaz.centre.housekeeping")
    groups: dict[str, list[Act]] = {}
    for name in sorted(n for n, a in VERBS.items() if a.body.__module__.startswith("markaz.")):
        groups.setdefault(name.partition(".")[0], []).append(VERBS[name])
    parts = [
        section(title, table(("verb", "scope", "what it does"), map(_act, found)))
        for title, found in groups.items()
    ]
    return page(
        "Verbs in the audit trail",
        "Everything that changes the centre is one of these verbs, and each change leaves an\n"
        "entry with time, actor, verb, subject and plain values. `audit.open` stands at the\n"
        "beginning of every segment of the chain. Verbs with the scope *the centre* are done by\n"
        "the centre itself, some of them on behalf of a request; a few that only keep books say\n"
        "so and leave no entry.",
        *parts,
    )


def _act(found: Act) -> tuple[str, ...]:
    system = found.rule.__name__ == "system"
    scope = "*the centre*" if system else f"`{found.scope}`" if found.scope else DASH
    return f"`{found.name}`", scope, first_sentence(found.body.__doc__ or "")


def first_sentence(text: str) -> str:
    """The first sentence of a docstring."""
    words = " ".join(text.split())
    return re.split(r"(?<=\.) (?=[A-Z`(])", words)[0]


BUILDERS: Final[dict[str, Callable[[], str]]] = {
    "settings.md": settings_page,
    "jobs.md": jobs_page,
    "errors.md": errors_page,
    "access.md": access_page,
    "metrics.md": metrics_page,
    "audit.md": audit_page,
}
