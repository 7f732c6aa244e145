"""The centre's own words in the reader's language: states, roles, refusals.

The centre speaks English to programs. Values of tables are translated one by one; sentences
that people meet often by their pattern; what is left is shown as the centre said it, marked
as English.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from markaz.interfaces.portal.page import N_

if TYPE_CHECKING:
    from markaz.interfaces.portal.visit import Visit

Gettext = Callable[[str], str]

# table -> value -> word
WORDS: Final[dict[str, dict[str, str]]] = {
    "state": {
        "held": N_("held"),
        "queued": N_("queued"),
        "claimed": N_("starting"),
        "running": N_("running"),
        "completed": N_("completed"),
        "failed": N_("failed"),
        "cancelled": N_("cancelled"),
        "pending": N_("not started"),
        "open": N_("open"),
        "draining": N_("taking no more jobs"),
        "closed": N_("closed"),
        "requested": N_("requested"),
        "active": N_("active"),
        "suspended": N_("suspended"),
        "expired": N_("expired"),
        "revoked": N_("revoked"),
        "accepted": N_("accepted"),
        "withdrawn": N_("withdrawn"),
        "refused": N_("refused"),
        "draft": N_("draft"),
        "scheduled": N_("planned"),
        "in progress": N_("in progress"),
    },
    "qos": {
        "calibration": N_("calibration and acceptance"),
        "booking": N_("the project that booked the device"),
        "session": N_("a job of an open session"),
        "teaching": N_("a class at work"),
        "normal": N_("ordinary work"),
        "scavenger": N_("when nothing else wants the device"),
    },
    "account": {
        "pending": N_("waits for approval"),
        "active": N_("active"),
        "suspended": N_("suspended"),
        "erased": N_("erased"),
    },
    "worker": {
        "connected": N_("connected"),
        "draining": N_("taking no more jobs"),
        "lost": N_("lost"),
        "gone": N_("gone"),
    },
    "status": {
        "offline": N_("offline"),
        "idle": N_("ready"),
        "busy": N_("busy"),
        "error": N_("fault"),
        "maintenance": N_("maintenance"),
        "calibration": N_("being calibrated"),
        "needs-calibration": N_("needs calibration"),
    },
    "device kind": {
        "simulator": N_("simulator"),
        "emulated": N_("emulated quantum computer"),
        "qpu": N_("quantum computer"),
    },
    "role": {
        "pi": N_("principal investigator"),
        "co-pi": N_("co-investigator"),
        "resource allocator": N_("resource allocator"),
        "trainer": N_("trainer"),
        "member": N_("member"),
        "operator": N_("operator"),
        "director": N_("director"),
        "reviewer": N_("reviewer"),
    },
    "reason": {
        "allocation": N_("The project has too few credits; the job goes on when it gets more."),
        "operator": N_("An operator holds it."),
    },
    "entry": {
        "grant": N_("grant"),
        "reserve": N_("set aside"),
        "charge": N_("charge"),
        "release": N_("given back"),
        "refund": N_("refund"),
        "transfer": N_("transfer"),
        "expiry": N_("expiry"),
        "adjustment": N_("correction"),
        "settlement": N_("settlement"),
    },
    "measurement": {
        "calibration": N_("Calibration"),
        "monitoring": N_("A look between jobs"),
        "acceptance": N_("Acceptance"),
    },
    "verdict": {"pass": N_("passed"), "fail": N_("failed"), "undecided": N_("undecided")},
    "mode": {"dedicated": N_("dedicated"), "batch": N_("batch")},
    "reservation": {"booking": N_("booked"), "maintenance": N_("maintenance")},
    "impact": {
        "none": N_("no effect on jobs"),
        "degraded": N_("may be slower"),
        "partial": N_("jobs wait"),
        "full": N_("jobs wait"),
    },
    "announcement": {
        "news": N_("News"),
        "maintenance": N_("Maintenance"),
        "incident": N_("Incident"),
    },
    "key kind": {
        "key": N_("key"),
        "session": N_("login of a program"),
        "browser session": N_("browser"),
    },
    "scope": {
        "jobs:read": N_("see jobs and results"),
        "jobs:write": N_("submit and cancel jobs"),
        "projects:read": N_("see projects and credits"),
        "projects:write": N_("change projects and members"),
        "devices:read": N_("see devices and prices"),
        "account": N_("see and change your account"),
        "operate": N_("whatever your roles at the centre allow"),
    },
    "factor": {
        "override": N_("an operator's decision"),
        "qos": N_("class of service"),
        "fair share": N_("fair share"),
        "age": N_("time waited"),
        "size": N_("length of the job"),
    },
    "level": {
        "institution": N_("your institution"),
        "project": N_("your project"),
        "person": N_("you"),
    },
    "intervention": {
        "hold": N_("held"),
        "release": N_("released"),
        "requeue": N_("queued again"),
        "move": N_("moved to another device"),
        "override": N_("put before or behind others"),
    },
}

# kind of refusal -> what its page is headed, and what there is to do
REFUSALS: Final[dict[str, tuple[str, str]]] = {
    "invalid": (N_("Something does not fit"), N_("Check what you entered.")),
    "unauthenticated": (N_("Please log in"), N_("Your login has ended, or you have none yet.")),
    "forbidden": (N_("Not allowed"), N_("Your role does not allow this. Ask whoever leads.")),
    "not-found": (
        N_("Not found"),
        N_("There is no such page, or it is not yours to see. Check the address."),
    ),
    "conflict": (N_("This cannot be done now"), N_("Something changed meanwhile.")),
    "reused-key": (N_("Sent twice"), N_("This was sent before with other contents.")),
    "program": (N_("The program was refused"), N_("It could not be read as a circuit.")),
    "too-large": (N_("Too large"), N_("What you sent is larger than the centre takes.")),
    "allocation": (N_("Not enough credits"), N_("The project has too few credits for this.")),
    "quota": (N_("Limit reached"), N_("A limit of yours or of the project is reached.")),
    "rate-limited": (N_("Too many requests"), N_("Wait a little and try again.")),
    "stale": (N_("Out of date"), N_("Something newer took its place.")),
    "unavailable": (N_("Not available now"), N_("The centre cannot do this at the moment.")),
    "storage-full": (N_("Storage is full"), N_("Nothing was stored. Tell an operator.")),
    "internal": (N_("A fault of the centre"), N_("It was logged. Try again later.")),
}

# What keeps a device from starting a job -> the sentence
BLOCKS: Final[dict[str, str]] = {
    "retired": N_("The device is out of service."),
    "status": N_("The device starts no jobs in this state: %(status)s."),
    "not accepting": N_("The device starts no jobs at the moment."),
    "session": N_("A session holds the device for its own jobs."),
    "reserved": N_("The device is reserved at the moment."),
    "workers": N_("The workers are busy with jobs of device %(device)s."),
    "reserved soon": N_(
        "The device is reserved in %(within)s; this job may run for %(limit)s and must end before."
    ),
}

# Sentences of the centre that people meet often; the groups go into the translation.
SENTENCES: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"login, password or one-time code is wrong", N_("Login, password or code is wrong.")),
        (r"this account needs a one-time code too", N_("This account needs a one-time code too.")),
        (
            r"this account is pending; ask an operator",
            N_("This account waits for an operator's approval."),
        ),
        (
            r"this account is suspended; ask an operator",
            N_("This account is suspended; ask an operator."),
        ),
        (r"too many attempts to log in; wait", N_("Too many attempts. Wait a little.")),
        (r"too many failed logins", N_("Too many attempts. Wait a little.")),
        (
            r"this one-time code is (?:not valid|mistyped).*",
            N_("This code does not work (any more). Ask for a new one."),
        ),
        (
            r"this invitation is mistyped.*|there is no such invitation",
            N_("This invitation does not work (any more). Ask for a new one."),
        ),
        (r"the login (\S+) is taken", N_("The login name %(a)s is taken.")),
        (
            r"login must be 2 to 64 characters.*",
            N_("2 to 64 characters: a to z, digits, dot, hyphen, underscore."),
        ),
        (r"(\S+) must have at least (\d+) characters.*", N_("At least %(b)s characters.")),
        (r"(\S+) must have at most (\d+) characters.*", N_("At most %(b)s characters.")),
        (r"(\S+) must be from (\S+) to (\S+), not .*", N_("From %(b)s to %(c)s.")),
        (r"('.*') is not a mail address", N_("This is not a mail address.")),
        (
            r".*must not contain the character (U\+\w+)",
            N_("The character %(a)s is not allowed here."),
        ),
        (
            r"the password is one of those that are guessed first",
            N_("Such a password is guessed first; take another."),
        ),
        (r"the password must have (\d+) to (\d+) characters", N_("%(a)s to %(b)s characters.")),
        (r"the password must not contain ('.*')", N_("The password must not contain %(a)s.")),
        (
            r"the code does not fit.*",
            N_("The code does not fit. Check the clock of the device that showed it."),
        ),
        (r"this is the last operator; .*", N_("This is the last operator.")),
        (
            r"a project keeps at least one PI; .*",
            N_("A project keeps at least one principal investigator."),
        ),
        (r"this person is a member already", N_("You are a member already.")),
        (
            r"no account is linked to this identity: .*",
            N_(
                "No account is linked to this identity. Log in with your password and link it"
                " under Account."
            ),
        ),
        (
            r"this identity is linked to an account already",
            N_("This identity is linked to an account already."),
        ),
        (
            r"this login elsewhere does not hold; begin again",
            N_("This login elsewhere does not hold. Begin again."),
        ),
        (
            r"this form is out of date; load the page again",
            N_("This form is out of date. Load the page again, then send it once more."),
        ),
    )
)


def block(visit: Visit, one: dict[str, Any]) -> str:
    """What keeps a device from starting a job (of ``jobs.why``) in the reader's language."""
    said = {
        "status": visit.word("status", one.get("status", "")),
        "within": visit.formats.span(one.get("in_seconds")),
        "limit": visit.formats.span(one.get("limit_seconds")),
        "device": one.get("device", ""),
    }
    text = BLOCKS[one["block"]]
    return visit.gettext(text) % said


def word(gettext: Gettext, table: str, value: Any) -> str:
    """A value of a table in words; one that is not in it as it is."""
    text = WORDS[table].get(str(value))
    return str(value) if text is None else gettext(text)


def sentence(gettext: Gettext, message: str) -> str | None:
    """A sentence of the centre in the reader's language; None for one that is not known."""
    for pattern, text in SENTENCES:
        match = pattern.fullmatch(message)
        if match:
            groups = {name: group or "" for name, group in zip("abc", match.groups(), strict=False)}
            return gettext(text) % groups if groups else gettext(text)
    return None
