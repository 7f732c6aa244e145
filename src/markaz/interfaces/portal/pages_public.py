"""Pages for everybody: what the centre offers, how devices are, what is announced."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from markaz.interfaces.portal.guard import own_path
from markaz.interfaces.portal.languages import ENGLISH, LANGUAGES
from markaz.interfaces.portal.page import Field, Page, Who
from markaz.interfaces.portal.visit import Visit

SHOWN: Final = 3  # announcements on a page that has others things to say
THEMES: Final = ("auto", "light", "dark")


async def front(visit: Visit) -> Response:
    """What the centre offers, to whoever has not been here."""
    devices = await board(visit)
    news = await announced(visit, SHOWN)
    return visit.show("front.html", devices=devices, news=news)


async def announcements(visit: Visit) -> Response:
    """All that is announced now."""
    after = visit.asked("after")
    found = await visit.ask("announcements.list", **({"after": after} if after else {}))
    news = [told(visit, one) for one in found["items"]]
    return visit.show("announcements.html", news=news, next=found["next"])


async def prefer(visit: Visit) -> Response:
    """Remember language or theme: in the browser, and for a person in the account."""
    given = visit.values
    if "language" in given:
        visit.cookies["language"] = given["language"]
        if visit.actor.known:
            await visit.do("people.change", language=given["language"])
    if "theme" in given:
        visit.cookies["theme"] = "" if given["theme"] == "auto" else given["theme"]
    return visit.go(own_path(given.get("next", ""), "/"))


async def board(visit: Visit) -> list[dict[str, Any]]:
    """Devices with how they are and how much waits there (None: not known)."""
    found, load = await visit.ask_each(("devices.board", {}), ("jobs.load", {}))
    busy = {one["device"]: one for one in load["items"]}
    nobody = {"waiting": None, "running": None}
    return [device | nobody | busy.get(device["device"], {}) for device in found["items"]]


async def announced(visit: Visit, most: int) -> list[dict[str, Any]]:
    """What is announced now, as far as there is room."""
    found = await visit.ask("announcements.list", limit=most)
    return [told(visit, one) for one in found["items"]]


def told(visit: Visit, announcement: dict[str, Any]) -> dict[str, Any]:
    """An announcement in the reader's language, or else in one that it has."""
    texts = announcement["texts"]
    order = (visit.language.code, ENGLISH.code, *texts)
    code = next(code for code in order if code in texts)
    text = texts[code]
    paragraphs = [part.strip() for part in text["body"].split("\n\n") if part.strip()]
    spoken = LANGUAGES.get(code)
    return announcement | {
        "title": text["title"],
        "paragraphs": paragraphs,
        "tag": spoken.tag if spoken else code,
        "direction": spoken.direction if spoken else "auto",
    }


PREFERENCES: Final = (
    Field("language", kind="select", required=False,
          choices=tuple((one.code, one.name) for one in LANGUAGES.values())),
    Field("theme", kind="select", required=False, choices=tuple((one, one) for one in THEMES)),
    Field("next", kind="hidden", required=False, most=2000),
)  # fmt: skip
PAGES: Final = (
    Page("GET", "/", "devices.board", Who.ANYONE, front),
    Page("GET", "/announcements", "announcements.list", Who.ANYONE, announcements, ("after",)),
    Page("POST", "/preferences", "", Who.ANYONE, prefer, form=PREFERENCES),
)
