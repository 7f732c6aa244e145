"""Routes about people, for operators, and about institutions."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from markaz.centre.access import CentreRole
from markaz.interfaces.rest_api.fields import (
    Answer,
    Body,
    Email,
    Label,
    Listing,
    Login,
    Name,
    Page,
    Reason,
    Shares,
    described,
)
from markaz.interfaces.rest_api.routes import Route, Who
from markaz.interfaces.rest_api.routes_account import Key, Moved, Person, Profile


class NewPerson(Person):
    """An account that was made, and the code for its first password."""

    code_expires_at: int = described("When the one-time code ends.")
    mailed: bool = described("Whether the code was mailed.")
    secret: str | None = described("The one-time code to hand over, shown this once.")


class PersonToMake(Body):
    """An account to make."""

    login: Login = described("Name to log in with: a to z, digits, dot, hyphen, underscore.")
    name: Name = described("Name.")
    email: Email | None = described("Mail address.", None)
    institution: Label | None = described("Identifier of the institution.", None)
    language: Label = described("Language of mails and pages.", "en")


class PeopleListing(Listing):
    """Which accounts."""

    state: Literal["pending", "active", "suspended", "erased"] | None = described(
        "Only those in this state.", None
    )
    search: Label | None = described("Part of a login, a name or a mail address.", None)


class Why(Body):
    """A reason, for those concerned to read."""

    reason: Reason = described("Why.")


class RoleToGive(Body):
    """A role at the centre."""

    role: CentreRole = described("The role.")


class CodeToIssue(Body):
    """A one-time code to make."""

    lost: Literal["password", "totp"] = described("What was lost.")


class IssuedCode(Answer):
    """A one-time code to hand over."""

    user: str = described("Identifier of the person.")
    purpose: str = described("What it replaces.")
    expires_at: int = described("When it ends.")
    secret: str | None = described("The code, shown this once.")


class Institution(Answer):
    """An institution; shares are for those who have a part in running the centre."""

    id: str = described("Identifier.")
    name: str = described("Name.")
    country: str = described("Two letters (ISO 3166), or empty.")
    shares: int | None = described("Shares of the machine.", None)
    created_at: int | None = described("When it was added.", None)


class InstitutionToMake(Body):
    """An institution to add."""

    name: Name = described("Name.")
    country: str = Field("", max_length=2, description="Two letters (ISO 3166), or empty.")
    shares: Shares = described("Shares of the machine.", 1)


class InstitutionChanges(Body):
    """What to change of an institution."""

    name: Name | None = described("Name.", None)
    country: str | None = Field(None, max_length=2, description="Two letters, or empty.")
    shares: Shares | None = described("Shares of the machine.", None)


_USER: Final = "/v1/users/{user}"
_INSTITUTION: Final = "/v1/institutions/{institution}"
ROUTES: Final = (
    Route("GET", "/v1/users", "people.list", Who.OVERSEER, "Accounts.", Page[Person],
          query=PeopleListing),
    Route("POST", "/v1/users", "people.create", Who.OPERATOR, "Make an account.", NewPerson, 201,
          PersonToMake),
    Route("GET", _USER, "people.show", Who.PROFILE, "One person.", Person),
    Route("PATCH", _USER, "people.change", Who.SELF, "Change a profile.", Person, body=Profile),
    Route("DELETE", _USER, "people.erase", Who.SELF, "Erase a person for good.", Moved),
    Route("GET", f"{_USER}/export", "people.export", Who.SELF,
          "All that the centre holds about a person.", dict[str, Any]),
    Route("GET", f"{_USER}/keys", "keys.list", Who.SELF, "A person's keys and sessions.",
          Page[Key], query=Listing),
    Route("POST", f"{_USER}/approve", "people.approve", Who.OPERATOR,
          "Let a person in who asked for an account.", Moved),
    Route("POST", f"{_USER}/refuse", "people.refuse", Who.OPERATOR,
          "Refuse a request for an account.", Moved),
    Route("POST", f"{_USER}/suspend", "people.suspend", Who.OPERATOR,
          "Shut a person out until the account is reactivated.", Moved, body=Why),
    Route("POST", f"{_USER}/reactivate", "people.reactivate", Who.OPERATOR,
          "Undo a suspension.", Moved),
    Route("POST", f"{_USER}/roles", "people.grant_role", Who.OPERATOR,
          "Give a role at the centre.", Person, body=RoleToGive),
    Route("DELETE", f"{_USER}/roles/{{role}}", "people.revoke_role", Who.OPERATOR,
          "Take a role at the centre away.", Person),
    Route("POST", f"{_USER}/codes", "people.issue_code", Who.OPERATOR,
          "Make a one-time code to hand over.", IssuedCode, 201, CodeToIssue),
    Route("GET", "/v1/institutions", "institutions.list", Who.ANYONE, "Institutions.",
          Page[Institution], query=Listing),
    Route("POST", "/v1/institutions", "institutions.create", Who.OPERATOR,
          "Add an institution.", Institution, 201, InstitutionToMake),
    Route("GET", _INSTITUTION, "institutions.show", Who.PERSON, "One institution.", Institution),
    Route("PATCH", _INSTITUTION, "institutions.change", Who.ALLOCATOR, "Change an institution.",
          Institution, body=InstitutionChanges),
)  # fmt: skip
