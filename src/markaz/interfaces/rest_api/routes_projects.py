"""Routes about projects, their members and invitations."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from markaz.centre.access import ProjectRole
from markaz.interfaces.rest_api.fields import (
    Answer,
    Body,
    Email,
    Label,
    Listing,
    Login,
    Micros,
    Name,
    Page,
    Secret,
    Shares,
    Text,
    described,
)
from markaz.interfaces.rest_api.routes import Route, Who
from markaz.interfaces.rest_api.routes_people import Why


class Project(Answer):
    """A project."""

    id: str = described("Identifier.")
    slug: str = described("Short name.")
    title: str = described("Title.")
    description: str = described("What it is about.")
    programme: str = described("The programme that it belongs to.")
    institution: str = described("Identifier of the institution.")
    state: str = described("requested, active, suspended, expired or closed.")
    steps: list[str] = described("What may be done with it in this state.")
    role: str | None = described("The role of whoever asks; null: not a member.")
    job_visibility: str = described("Whose jobs a member sees: own or all.")
    any_device: bool = described("Whether it may use every device.")
    shares: int = described("Shares of its institution's part of the machine.")
    starts_at: int | None = described("When it begins.")
    ends_at: int | None = described("When it ends.")
    retention_days: int | None = described("Days that inputs and results are kept.")
    quota_gib: float | None = described("GiB of inputs and results that it may keep.")
    created_at: int = described("When it was asked for.")
    devices: list[str] | None = described("The devices that it may use; null: all.", None)


class Member(Answer):
    """A member of a project."""

    user: str = described("Identifier of the person.")
    login: str = described("Name to log in with.")
    name: str = described("Name.")
    role: str = described("Role in the project.")
    shares: int = described("Shares of the project's part of the machine.")
    joined_at: int = described("When the person joined.")
    email: str | None = described("Mail address, for the project's leads.", None)


class Role(Answer):
    """A person's role in a project."""

    project: str = described("Identifier of the project.")
    user: str = described("Identifier of the person.")
    role: str | None = described("The role now; null: none.")


class MemberShares(Answer):
    """A member's shares."""

    project: str = described("Identifier of the project.")
    user: str = described("Identifier of the person.")
    shares: int = described("The shares now.")


class Joined(Answer):
    """A project that was joined."""

    project: str = described("Identifier of the project.")
    slug: str = described("Its short name.")
    role: str = described("The role in it.")


class Invitation(Answer):
    """An invitation, without its token."""

    id: str = described("Identifier.")
    email: str | None = described("Whom it was mailed to.")
    role: str = described("The role that it gives.")
    invited_by: str = described("Identifier of who invited.")
    created_at: int = described("When it was made.")
    expires_at: int = described("When it ends.")
    state: str = described("open, accepted, withdrawn or expired.")


class NewInvitation(Answer):
    """An invitation with its token, if nobody mailed it."""

    id: str = described("Identifier.")
    project_id: str = described("Identifier of the project.")
    email: str | None = described("Whom it was mailed to.")
    role: str = described("The role that it gives.")
    invited_by: str = described("Identifier of who invited.")
    created_at: int = described("When it was made.")
    expires_at: int = described("When it ends.")
    mailed: bool = described("Whether it was mailed.")
    secret: str | None = described("The token to hand over, shown this once.")


class Withdrawn(Answer):
    """An invitation that works no more."""

    id: str = described("Identifier.")
    state: str = described("withdrawn.")


class ProjectListing(Listing):
    """Which projects."""

    state: Literal["requested", "active", "suspended", "expired", "closed"] | None = described(
        "Only those in this state.", None
    )
    everybodys: bool = described("All projects, for those who may look at them.", False)


class ProjectRequest(Body):
    """A project to ask for."""

    slug: str = Field(min_length=2, max_length=64, description="Short name: a to z, digits, -.")
    title: Name = described("Title.")
    description: Text = described("What it is about.", "")
    programme: str = Field("", max_length=64, description="Programme that it belongs to.")
    institution: Label | None = described("Identifier of the institution; else one's own.", None)
    starts_at: Micros | None = described("When it shall begin.", None)
    ends_at: Micros | None = described("When it shall end.", None)


class ProjectToMake(ProjectRequest):
    """A project to make."""

    pi: Login = described("Login or identifier of its PI.")


class ProjectChanges(Body):
    """What to change of what a project says of itself."""

    title: Name | None = described("Title.", None)
    description: Text | None = described("What it is about.", None)
    job_visibility: Literal["own", "all"] | None = described("Whose jobs a member sees.", None)


class Terms(Body):
    """What to change of a project's terms."""

    programme: str | None = Field(None, max_length=64, description="Programme.")
    shares: Shares | None = described("Shares of its institution's part.", None)
    starts_at: Micros | None = described("When it begins.", None)
    ends_at: Micros | None = described("When it ends.", None)
    retention_days: int | None = Field(None, ge=1, le=36_500, description="Days to keep results.")
    quota_gib: float | None = Field(None, ge=0, le=1e9, description="GiB that it may keep.")


class NewEnd(Body):
    """A later end."""

    ends_at: Micros = described("When it ends from now on.")


class DeviceList(Body):
    """The devices that a project may use."""

    devices: list[Label] | None = Field(max_length=1000, description="Names; null: all.")


class MemberToAdd(Body):
    """A person to put into a project."""

    user: Login = described("Login or identifier.")
    role: ProjectRole = described("Role in the project.", ProjectRole.MEMBER)


class RoleToHave(Body):
    """A role in a project."""

    role: ProjectRole = described("The role.")


class SharesToHave(Body):
    """A member's shares."""

    shares: Shares = described("Shares of the project's part of the machine.")


class InvitationToMake(Body):
    """An invitation to make."""

    role: ProjectRole = described("The role that it gives.", ProjectRole.MEMBER)
    email: Email | None = described("Whom to mail it to.", None)


class InvitationToken(Body):
    """An invitation's token."""

    invitation: Secret = described("The token.")


_PROJECT: Final = "/v1/projects/{project}"
_MEMBER: Final = _PROJECT + "/members/{user}"
ROUTES: Final = (
    Route("GET", "/v1/projects", "projects.list", Who.PERSON, "The own projects, or all.",
          Page[Project], query=ProjectListing),
    Route("POST", "/v1/projects", "projects.create", Who.ALLOCATOR, "Make an active project.",
          Project, 201, ProjectToMake),
    Route("POST", "/v1/project-requests", "projects.request", Who.PERSON, "Ask for a project.",
          Project, 201, ProjectRequest),
    Route("GET", _PROJECT, "projects.show", Who.MEMBER, "One project.", Project),
    Route("PATCH", _PROJECT, "projects.change", Who.LEAD, "Change what it says of itself.",
          Project, body=ProjectChanges),
    Route("PATCH", f"{_PROJECT}/terms", "projects.change_terms", Who.MANAGER,
          "Change shares, dates, retention and quota.", Project, body=Terms),
    Route("PUT", f"{_PROJECT}/devices", "projects.set_devices", Who.MANAGER,
          "Say which devices it may use.", Project, body=DeviceList),
    Route("POST", f"{_PROJECT}/approve", "projects.approve", Who.MANAGER,
          "Let a requested project begin.", Project),
    Route("POST", f"{_PROJECT}/refuse", "projects.refuse", Who.MANAGER,
          "Refuse a requested project.", Project, body=Why),
    Route("POST", f"{_PROJECT}/suspend", "projects.suspend", Who.MANAGER,
          "Stop a project until it is resumed.", Project, body=Why),
    Route("POST", f"{_PROJECT}/resume", "projects.resume", Who.MANAGER, "Undo a suspension.",
          Project),
    Route("POST", f"{_PROJECT}/renew", "projects.renew", Who.MANAGER,
          "Give a project a later end.", Project, body=NewEnd),
    Route("POST", f"{_PROJECT}/close", "projects.close", Who.LEAD, "End a project for good.",
          Project),
    Route("POST", f"{_PROJECT}/leave", "projects.leave", Who.INSIDER, "Leave a project.", Role),
    Route("GET", f"{_PROJECT}/members", "projects.members", Who.MEMBER, "Its members.",
          Page[Member], query=Listing),
    Route("POST", f"{_PROJECT}/members", "projects.add_member", Who.PROJECT_OPERATOR,
          "Put a person into a project.", Role, 201, MemberToAdd),
    Route("DELETE", _MEMBER, "projects.remove_member", Who.INVITER, "Take a member out.", Role),
    Route("PATCH", _MEMBER, "projects.change_role", Who.LEAD, "Give a member another role.",
          Role, body=RoleToHave),
    Route("PUT", f"{_MEMBER}/shares", "projects.set_member_shares", Who.SHARER,
          "Set a member's shares.", MemberShares, body=SharesToHave),
    Route("GET", f"{_PROJECT}/invitations", "projects.invitations", Who.INVITER, "Invitations.",
          Page[Invitation], query=Listing),
    Route("POST", f"{_PROJECT}/invitations", "projects.invite", Who.INVITER,
          "Invite somebody.", NewInvitation, 201, InvitationToMake),
    Route("DELETE", "/v1/invitations/{invitation}", "projects.withdraw_invitation",
          Who.INVITATION, "End an open invitation.", Withdrawn),
    Route("POST", "/v1/invitations/accept", "projects.accept", Who.PERSON,
          "Join a project with an invitation's token.", Joined, body=InvitationToken),
)  # fmt: skip
