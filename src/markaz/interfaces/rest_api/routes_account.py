"""Routes of the own account: logging in and out, profile, password, one-time codes, keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Literal

from pydantic import Field

from markaz.centre.errors import CentreError
from markaz.centre.people import login as doors
from markaz.interfaces.rest_api.calls import Call
from markaz.interfaces.rest_api.fields import (
    Answer,
    Body,
    Email,
    Label,
    Listing,
    Login,
    Name,
    Page,
    Password,
    Secret,
    described,
)
from markaz.interfaces.rest_api.routes import Route, Who

# Hashing a password takes tens of milliseconds and megabytes: two at a time are enough.
_DOORS: Final = ThreadPoolExecutor(2, thread_name_prefix="markaz-doors")


class Key(Answer):
    """A key or session, without its secret."""

    id: str = described("Identifier.")
    kind: str = described("key, session, browser session or worker key.")
    label: str = described("What its owner calls it.")
    shown: str = described("Its first characters, to tell keys apart.")
    scopes: list[str] = described("What it may be used for.")
    project: str | None = described("The only project that it works in; null: all.")
    created_at: int = described("When it was made.")
    expires_at: int | None = described("When it ends; null: never.")
    last_used_at: int | None = described("When it was last used, to the minute.")
    revoked_at: int | None = described("When it was revoked.")


class NewKey(Key):
    """A key with its secret, which is shown this once."""

    secret: str | None = described("The key itself; null when a request is repeated.")


class Warned(Answer):
    """A key that its owner should care about."""

    key: str = described("Identifier of the key.")
    label: str = described("What its owner calls it.")
    at: int = described("When it was seen.")
    revoked: bool = described("Whether the key has ended.")
    words: str = described("What happened, and what to do.")


class Session(NewKey):
    """A session that a login opened."""

    user: str = described("Identifier of the person.")


class Ended(Answer):
    """A key that works no more."""

    id: str | None = described("Identifier of the key.")
    revoked: bool = described("True.")


class Person(Answer):
    """A person."""

    id: str = described("Identifier.")
    login: str = described("Name to log in with.")
    name: str = described("Name.")
    email: str | None = described("Mail address.")
    institution: str = described("Identifier of the institution.")
    state: str = described("pending, active, suspended or erased.")
    language: str = described("Language of mails and pages.")
    roles: list[str] = described("Roles at the centre.")
    totp: bool = described("Whether a login needs a one-time code.")
    created_at: int = described("When the account was made.")
    last_login_at: int | None = described("When the person last logged in.")


class Me(Person):
    """Whoever asks, and what this login or key may do."""

    key: str | None = described("Identifier of the key of this request.")
    scopes: list[str] | None = described("Its scopes; null: all.")
    project: str | None = described("The only project that it works in; null: all.")


class Identity(Answer):
    """Who the person is at an issuer elsewhere."""

    id: str = described("Identifier.")
    issuer: str = described("Address of the issuer.")
    subject: str = described("Who the person is there.")
    linked_at: int = described("When it was linked.")
    last_login_at: int | None = described("When it last logged in.")


class Unlinked(Answer):
    """An identity that logs in no more."""

    id: str = described("Identifier.")


class SessionsEnded(Answer):
    """Sessions that work no more."""

    ended: int = described("How many there were.")


class Moved(Answer):
    """An account's new state."""

    id: str = described("Identifier of the person.")
    state: str = described("The state now.")


class Asked(Moved):
    """A request for an account."""

    login: str = described("Name to log in with.")


class PasswordSet(Answer):
    """A new password is in force."""

    login: str = described("Name to log in with.")
    keys: int = described("Keys that go on working; revoke those that may have leaked.")


class Totp(Answer):
    """Whether one-time codes are asked for at login."""

    totp: bool = described("Whether they are.")


class TotpBegun(Answer):
    """The address for an authenticator."""

    user: str = described("Identifier of the person.")
    secret: str | None = described("An otpauth:// address, shown this once.")


class RecoveryAsked(Answer):
    """The same whether there is such a person or not."""

    asked: bool = described("True.")
    by: str = described("mail, or operator where the centre sends no mail.")


class Credentials(Body):
    """Login and password."""

    login: Login = described("Name to log in with.")
    password: Password = described("The password.")
    code: Label | None = described("One-time code, if the account has them on.", None)
    label: Label = described("What to call the session.", "login")


class SignUp(Body):
    """A request for an account; the same again, before it is decided, is the same request."""

    login: Login = described("Name to log in with: a to z, digits, dot, hyphen, underscore.")
    name: Name = described("Name.")
    email: Email = described("Mail address.")
    password: Password = described("Password, at least 8 characters.")
    institution: Label | None = described("Identifier of the institution.", None)
    language: Label = described("Language of mails and pages.", "en")


class Lost(Body):
    """What was lost."""

    login: Login = described("Name to log in with.")
    lost: Literal["password", "totp"] = described("What was lost.")


class CodeAndPassword(Body):
    """A one-time code and the new password."""

    code: Secret = described("The one-time code.")
    password: Password = described("The new password.")


class LostTotp(Body):
    """The password and the centre's one-time code."""

    login: Login = described("Name to log in with.")
    password: Password = described("The password.")
    code: Secret = described("The one-time code by mail or from an operator.")


class Passwords(Body):
    """The old password and a new one."""

    old: Password = described("The password until now.")
    new: Password = described("The password from now on.")


class PasswordAndCode(Body):
    """The password and a current one-time code."""

    password: Password = described("The password.")
    code: Label = described("A code that the authenticator shows now.")


class Code(Body):
    """A one-time code."""

    code: Label = described("A code that the authenticator shows now.")


class Profile(Body):
    """What to change of a profile."""

    name: Name | None = described("Name.", None)
    email: Email | None = described("Mail address.", None)
    language: Label | None = described("Language of mails and pages.", None)
    institution: Label | None = described("Institution; operators change it.", None)


class KeyToMake(Body):
    """A key to make."""

    label: Label = described("What to call it.")
    scopes: list[Label] | None = Field(
        None, max_length=20, description="What it may be used for; null: everyday work."
    )
    project: Label | None = described("The only project that it shall work in.", None)
    days: int | None = Field(365, ge=1, le=3650, description="Days it lives; null: no end.")


class WorkerKeyToMake(Body):
    """A worker's key to make."""

    label: Label = described("What to call it.")


def door(name: str, function: Callable[..., Any], *, as_actor: bool = False) -> Any:
    """A handler that goes through one of the account's front doors, in a thread."""

    async def handler(call: Call) -> Any:
        gate = call.api.gate
        gate.check_failures(call.request)
        first = (call.api.centre, call.actor) if as_actor else (call.api.centre,)
        arguments = call.arguments()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(_DOORS, lambda: function(*first, **arguments))
        except CentreError as error:
            if error.kind == "unauthenticated":
                gate.count_failure(call.request)
            raise

    handler.__name__ = name
    return handler


_ME: Final = "/v1/me"
ROUTES: Final = (
    Route("POST", "/v1/login", "people.log_in", Who.ANYONE, "Log in: open a session of 12 hours.",
          Session, body=Credentials, handler=door("log_in", doors.log_in)),
    Route("POST", "/v1/logout", "keys.log_out", Who.PERSON, "End this session or key.", Ended,
          once=False),
    Route("POST", "/v1/sign-up", "people.sign_up", Who.ANYONE, "Ask for an account.", Asked, 201,
          SignUp, handler=door("sign_up", doors.sign_up)),
    Route("POST", "/v1/recovery", "people.recover", Who.ANYONE,
          "Ask for a one-time code after losing password or authenticator.", RecoveryAsked,
          body=Lost),
    Route("POST", "/v1/recovery/password", "people.set_password", Who.ANYONE,
          "Set a password with a one-time code.", PasswordSet, body=CodeAndPassword,
          handler=door("set_password", doors.set_password)),
    Route("POST", "/v1/recovery/totp", "people.totp_off", Who.ANYONE,
          "Turn one-time codes off after losing the authenticator.", Totp, body=LostTotp,
          handler=door("reset_totp", doors.reset_totp)),
    Route("GET", _ME, "people.me", Who.PERSON, "The own account.", Me),
    Route("PATCH", _ME, "people.change", Who.PERSON, "Change the own profile.", Person,
          body=Profile),
    Route("DELETE", _ME, "people.erase", Who.PERSON, "Erase the own account for good.", Moved),
    Route("GET", f"{_ME}/warnings", "keys.warnings", Who.PERSON,
          "Own keys that went to a third party, in the last 90 days.", Page[Warned]),
    Route("GET", f"{_ME}/export", "people.export", Who.PERSON,
          "All that the centre holds about oneself.", dict[str, Any]),
    Route("POST", f"{_ME}/password", "people.change_password", Who.PERSON,
          "Change the own password.", PasswordSet, body=Passwords, once=False,
          handler=door("change_password", doors.change_password, as_actor=True)),
    Route("POST", f"{_ME}/totp", "people.totp_begin", Who.PERSON,
          "Begin to turn on one-time codes at login.", TotpBegun, once=False),
    Route("POST", f"{_ME}/totp/confirm", "people.totp_confirm", Who.PERSON,
          "Turn one-time codes on, with the first code.", Totp, body=Code, once=False),
    Route("POST", f"{_ME}/totp/off", "people.totp_off", Who.PERSON, "Turn one-time codes off.",
          Totp, body=PasswordAndCode, once=False,
          handler=door("totp_off", doors.totp_off, as_actor=True)),
    Route("POST", f"{_ME}/sessions/end", "keys.end_sessions", Who.PERSON,
          "Log out everywhere; keys go on working.", SessionsEnded, once=False),
    Route("GET", f"{_ME}/identities", "people.identities", Who.PERSON,
          "Logins elsewhere that open the own account.", Page[Identity]),
    Route("DELETE", f"{_ME}/identities/{{identity}}", "people.unlink_identity", Who.SELF,
          "Let a login elsewhere open the account no more.", Unlinked),
    Route("GET", "/v1/keys", "keys.list", Who.PERSON, "The own keys and sessions.", Page[Key],
          query=Listing),
    Route("POST", "/v1/keys", "keys.create", Who.PERSON, "Make a key.", NewKey, 201, KeyToMake),
    Route("DELETE", "/v1/keys/{key}", "keys.revoke", Who.SELF, "Revoke a key at once.", Ended),
    Route("GET", "/v1/worker-keys", "keys.list_workers", Who.OVERSEER, "Workers' keys.",
          Page[Key], query=Listing),
    Route("POST", "/v1/worker-keys", "keys.create_worker", Who.OPERATOR, "Make a worker's key.",
          NewKey, 201, WorkerKeyToMake),
)  # fmt: skip
