"""What was done, said once on the next page; an address names it, and cannot say more."""

from __future__ import annotations

from typing import Final

from markaz.interfaces.portal.page import N_

DONE: Final[dict[str, str]] = {
    "logged-in": N_("You are logged in."),
    "logged-out": N_("You are logged out."),
    "everywhere": N_("All your logins have ended, on every device."),
    "asked": N_("Your request is stored. An operator will look at it; then you can log in."),
    "mailed": N_("If there is such an account, a code is on its way to its mail address."),
    "operator": N_("This centre sends no mail: ask an operator for a code."),
    "password": N_("Your password is changed. Your other logins have ended."),
    "password-set": N_("Your password is set. Log in with it."),
    "totp-on": N_("One-time codes are asked for from now on."),
    "totp-off": N_("One-time codes are no longer asked for."),
    "profile": N_("Your account is changed."),
    "linked": N_("You can log in through it from now on."),
    "unlinked": N_("It can no longer log in."),
    "erased": N_("Your account is erased."),
    "revoked": N_("It works no longer."),
    "cancelled": N_("The job is cancelled."),
    "cancelling": N_("The job is being stopped."),
    "submitted": N_("The job is in the queue."),
    "session": N_("The session is open."),
    "session-closed": N_("The session takes no more jobs."),
    "requested": N_("Your project is requested. It begins when it is approved."),
    "joined": N_("You are a member now."),
    "left": N_("You have left the project."),
    "removed": N_("The member is removed."),
    "role": N_("The role is changed."),
    "shares": N_("The shares are changed."),
    "invited": N_("The invitation is on its way."),
    "withdrawn": N_("The invitation works no longer."),
    "project": N_("The project is changed."),
    "project-closed": N_("The project is closed."),
}
