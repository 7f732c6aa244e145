"""What can go wrong at the centre, each kind with the sentence a person reads.

The kinds are one table: the REST interface derives its problem documents and the reference
page from it, and nothing else may invent one.
"""

from __future__ import annotations

from typing import Any, Final

# kind -> (HTTP status that the interfaces answer with, title, meaning)
KINDS: Final[dict[str, tuple[int, str, str]]] = {
    "invalid": (422, "Invalid request", "A field is missing, unknown or has a wrong value."),
    "unauthenticated": (401, "Not logged in", "No valid key, password or session was given."),
    "forbidden": (403, "Not allowed", "You may see this but not do that to it."),
    "not-found": (404, "Not found", "There is no such thing, or you may not see it."),
    "conflict": (409, "Conflict", "The thing is not in a state in which this can be done."),
    "reused-key": (422, "Idempotency key reused", "The same key came with another request."),
    "program": (422, "Program refused", "The program could not be opened as a circuit."),
    "too-large": (413, "Too large", "The request or its program exceeds a documented limit."),
    "allocation": (403, "Allocation exhausted", "The project has no credits left for this."),
    "quota": (403, "Quota reached", "A cap of the user or the project is reached."),
    "rate-limited": (429, "Too many requests", "Wait as long as Retry-After says."),
    "stale": (409, "Superseded", "Another attempt owns this job now; the result is discarded."),
    "unavailable": (503, "Not available now", "The database cannot be written; try again."),
    "storage-full": (507, "Storage is full", "Nothing was stored; an operator must make room."),
    "internal": (500, "Internal error", "A fault of the centre; it has been logged."),
}


class CentreError(Exception):
    """A refusal with its kind, a message that names the offending thing, and the field.

    ``field`` is a JSON pointer-like name ("shots", "members/0/role"); ``details`` holds
    plain values that a program may want (never a secret). ``retry_after`` in seconds. ``what``
    there is no such thing of, as ``not_found`` says it.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        field: str | None = None,
        retry_after: float | None = None,
        **details: Any,
    ) -> None:
        assert kind in KINDS, kind
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.field = field
        self.retry_after = retry_after
        self.details = details
        self.what: str | None = None


def invalid(field: str, message: str) -> CentreError:
    """A value that cannot be taken."""
    return CentreError("invalid", message, field=field)


def not_found(what: str) -> CentreError:
    """The same answer for what does not exist and for what belongs to another tenant."""
    error = CentreError("not-found", f"there is no such {what}")
    error.what = what
    return error


def forbidden(message: str) -> CentreError:
    """The actor may see the subject, but lacks the right to do this."""
    return CentreError("forbidden", message)


def conflict(message: str, **details: Any) -> CentreError:
    """The subject's state does not allow it."""
    return CentreError("conflict", message, **details)
