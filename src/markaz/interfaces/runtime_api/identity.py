"""Logging in with a key, and finding the instances that it opens."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs

from starlette.responses import Response

from markaz.centre.errors import CentreError, invalid
from markaz.interfaces.rest_api import bodies
from markaz.interfaces.runtime_api import crn
from markaz.interfaces.runtime_api.calls import Call, answer

MAX_FORM: Final = 16 << 10
GRANT: Final = "urn:ibm:params:oauth:grant-type:apikey"
# No instance, backend or job can have this name: the catalogue's address is theirs too.
PLAN: Final = "markaz-project"
STATES: Final = ("active", "suspended", "expired")  # of projects whose jobs can still be read
MOST: Final = 500


async def log_in(call: Call) -> Response:
    """A token for a key; 400 in the login service's own words for a bad one."""
    form = _form(await bodies.read(call.request, MAX_FORM))
    if form.get("grant_type") != crn.GRANT:
        return _refused("BXNIM0109E", f"{crn.SIGN}: grant_type must be {crn.GRANT}", call)
    try:
        token, ends = await call.runtime.gate.log_in(call.request, form.get("apikey", ""))
    except CentreError as error:
        if error.kind != "unauthenticated":
            raise
        message = f"Provided API key could not be found: {error.message}"
        return _refused("BXNIM0415E", message, call)
    seconds = int(60 * call.api.centre.services.settings["token_minutes"])
    return answer(
        {
            "access_token": token,
            "refresh_token": "not_supported",
            "token_type": "Bearer",
            "expires_in": seconds,
            "expiration": ends,
            "scope": "ibm openid",
        }
    )


def _form(data: bytes) -> dict[str, str]:
    try:
        found = parse_qs(data.decode(), strict_parsing=bool(data), max_num_fields=20)
    except ValueError:
        raise invalid(
            "body", "the body is not a form (application/x-www-form-urlencoded)"
        ) from None
    return {name: values[-1] for name, values in found.items()}


def _refused(code: str, message: str, call: Call) -> Response:
    context = {"requestId": call.trace, "url": str(call.request.url.path)}
    document = {"errorCode": code, "errorMessage": message, "context": context}
    return answer(document, 400)


async def search(call: Call) -> Response:
    """The instances: every project that the person is in and that is more than requested."""
    body = await call.body()
    limit = call.whole("limit", 100, 1, MOST)
    cursor = call.query("search_cursor") or body.get("search_cursor")
    wanted = {"limit": limit} | ({"after": cursor} if cursor else {})
    found = await call.perform("projects.list", **wanted)
    items = [_instance(one) for one in found["items"] if one["state"] in STATES]
    return answer({"items": items, "search_cursor": found["next"]})


def _instance(project: dict[str, Any]) -> dict[str, Any]:
    return {
        "crn": crn.crn_of(project["id"]),
        "service_plan_unique_id": PLAN,
        "name": project["slug"],
        "doc": {"extensions": {"title": project["title"], "state": project["state"]}},
        "tags": [],
    }


async def catalogue(call: Call) -> Response:
    """What kind of instance a project is; there is one kind."""
    if call.path["plan"] != PLAN:
        raise CentreError("not-found", "there is no such plan")
    return answer(
        {
            "id": PLAN,
            "name": PLAN,
            "overview_ui": {"en": {"display_name": "Project"}},
            "metadata": {"pricing": {"type": "subscription"}},
        }
    )
