"""Names of instances: every project is one, and a Service-CRN says which.

Clients take such a name apart at its colons: ``crn:v1:bluemix:public:quantum-computing:
us-east:a/ACCOUNT:PROJECT::``. Only the project counts here; the other fields have the values
without which clients refuse the name.
"""

from __future__ import annotations

from typing import Final

from markaz.centre.errors import invalid

HEADER: Final = "Service-CRN"
ACCOUNT: Final = "markaz"
PREFIX: Final = "crn:v1:bluemix:public:quantum-computing:us-east:a/"
FIELD: Final = 7  # of the project
GRANT: Final = "urn:ibm:params:oauth:grant-type:apikey"  # how clients log in
SIGN: Final = "this is the login of a Markaz"  # by which `markaz env --check` knows one
MOST: Final = 300


def crn_of(project: str) -> str:
    """The name of a project's instance."""
    return f"{PREFIX}{ACCOUNT}:{project}::"


def project_of(name: str | None) -> str | None:
    """The project that an instance's name stands for; a project's own name will do too.

    None for no name. Raises CentreError ``invalid`` for what is neither.
    """
    text = (name or "").strip()
    if not text:
        return None
    fields = text.split(":")
    found = fields[FIELD] if len(fields) > FIELD else ""
    if not text.startswith("crn:"):
        found = text if ":" not in text else ""
    if not found or len(text) > MOST or not text.isascii():
        raise invalid(HEADER, f"{text[:80]!r} is not the name of an instance such as {crn_of('…')}")
    return found
