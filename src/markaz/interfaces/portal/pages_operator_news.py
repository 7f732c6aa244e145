"""Announcements as operators write them, and the audit trail."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from markaz.centre.access import CentreRole
from markaz.centre.announcements.verbs import KINDS
from markaz.centre.days import midnight, read_day
from markaz.interfaces.portal.forms import MISSING, Unfilled
from markaz.interfaces.portal.languages import LANGUAGES
from markaz.interfaces.portal.page import N_, Field, Page, Who
from markaz.interfaces.portal.pages_operator import again_for
from markaz.interfaces.portal.pages_public import told
from markaz.interfaces.portal.typed import cursor, filters, moments, zone_of
from markaz.interfaces.portal.visit import Visit
from markaz.interfaces.portal.words import WORDS

AUDIT: Final = ("by", "verb", "subject")
PER_PAGE: Final = 50


async def announcements(visit: Visit) -> Response:
    """All that was and will be announced, and a form for more."""
    found = await visit.ask("announcements.list", every=True, **cursor(visit))
    news = [told(visit, one) | {"codes": sorted(one["texts"])} for one in found["items"]]
    return visit.show("operator-announcements.html", news=news, next=found["next"])


async def publish(visit: Visit) -> Response:
    """Announce something in one or more languages."""
    texts = {}
    for code in LANGUAGES:
        title, body = (visit.values.get(f"{part}_{code}", "") for part in ("title", "body"))
        if title:
            texts[code] = {"title": title, "body": body}
        elif body:
            raise Unfilled({f"title_{code}": MISSING})
    if not texts:
        raise Unfilled({"title_en": MISSING})
    given = moments(visit, "starts_at", "ends_at")
    await visit.do("announcements.publish", texts=texts, kind=visit.values["kind"], **given)
    return visit.go("/operate/announcements", "published")


async def withdraw(visit: Visit) -> Response:
    """Show it no longer."""
    await visit.do("announcements.withdraw", announcement=visit.names["announcement"])
    return visit.go("/operate/announcements", "saved")


async def audit(visit: Visit) -> Response:
    """The audit trail, the newest first."""
    given = filters(visit, *AUDIT, "since", "until")
    wanted: dict[str, Any] = {name: given[name] for name in AUDIT if name in given}
    zone = zone_of(visit)
    if "since" in given:
        wanted["since"] = midnight(read_day("since", given["since"]), zone)
    if "until" in given:
        wanted["until"] = midnight(read_day("until", given["until"]) + 1, zone)
    found = await visit.ask("audit.search", limit=PER_PAGE, **wanted, **cursor(visit))
    ids = {one[name] for one in found["items"] for name in ("actor", "subject")}
    listed = ",".join(sorted(one for one in ids if "," not in one))
    names = await visit.ask("centre.names", ids=listed)
    return visit.show(
        "operator-audit.html",
        entries=found["items"],
        next=found["next"],
        given=given,
        names=names,
    )


async def verification(visit: Visit) -> Response:
    """Whether the whole trail fits together."""
    found, heads = await visit.ask_each(("audit.verify", {}), ("audit.heads", {}))
    return visit.show("operator-verification.html", found=found, heads=heads)


def _texts() -> tuple[Field, ...]:
    labels = {
        "en": (N_("Title in English"), N_("Text in English")),
        "ur": (N_("Title in Urdu"), N_("Text in Urdu")),
        "zh": (N_("Title in Chinese"), N_("Text in Chinese")),
    }
    fields = []
    for code in LANGUAGES:
        title, body = labels[code]
        fields.append(Field(f"title_{code}", title, required=False, marked=False))
        fields.append(Field(f"body_{code}", body, "textarea", required=False, most=10_000,
                            marked=False))  # fmt: skip
    return tuple(fields)


PAGES: Final = (
    Page("GET", "/operate/announcements", "", Who.OPERATOR, announcements, ("after",)),
    Page("POST", "/operate/announcements", "announcements.publish", Who.OPERATOR, publish,
         again=again_for(announcements, CentreRole.OPERATOR), form=(
             Field("kind", N_("Kind"), "select",
                   choices=tuple((one, WORDS["announcement"][one]) for one in KINDS)),
             *_texts(),
             Field("starts_at", N_("From"), "datetime-local", required=False, most=30, ltr=True),
             Field("ends_at", N_("Until"), "datetime-local", required=False, most=30,
                   ltr=True))),
    Page("POST", "/operate/announcements/{announcement}/withdraw", "announcements.withdraw",
         Who.OPERATOR, withdraw),
    Page("GET", "/operate/audit", "audit.search", Who.OVERSEER, audit,
         (*AUDIT, "since", "until", "after")),
    Page("GET", "/operate/audit/verification", "audit.verify", Who.OVERSEER, verification),
)  # fmt: skip
