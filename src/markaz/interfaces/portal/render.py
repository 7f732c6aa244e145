"""From a template to the answer: one environment for each language, escaping everything."""

from __future__ import annotations

import functools
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import Response

from markaz.centre.access import CentreRole
from markaz.interfaces.charts import bars, histogram, lines
from markaz.interfaces.portal import words
from markaz.interfaces.portal.done import DONE
from markaz.interfaces.portal.formats import MICRO, Formats
from markaz.interfaces.portal.forms import form_of
from markaz.interfaces.portal.guard import HEADERS
from markaz.interfaces.portal.languages import LANGUAGES, Language, translations
from markaz.interfaces.portal.menu import menu_of
from markaz.interfaces.portal.page import N_

if TYPE_CHECKING:
    from markaz.interfaces.portal.portal import Portal
    from markaz.interfaces.portal.visit import Visit

FOLDER: Final = Path(__file__).parent / "templates"
COMPRESS_FROM: Final = 1000  # bytes


class Pages:
    """Turns templates into answers. One for a server."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._settings = portal.api.centre.services.settings
        self.environment = functools.cache(self._environment)
        self.formats = functools.cache(self._formats)

    def gettext(self, language: Language, text: str) -> str:
        """``text`` in a language."""
        return translations(language.code).gettext(text) if text else ""

    def respond(
        self, visit: Visit, template: str, status: int, context: dict[str, Any]
    ) -> Response:
        """The page, compressed if the browser can take that."""
        found = self.environment(visit.language).get_template(template)
        text = found.render(self._context(visit) | context)
        headers = HEADERS | {"Vary": "Cookie, Accept-Language, Accept-Encoding"}
        data = text.encode("utf-8", "replace")
        packable = "gzip" in visit.request.headers.get("accept-encoding", "")
        if packable and len(data) > COMPRESS_FROM:
            data, headers["Content-Encoding"] = gzip.compress(data, 5, mtime=0), "gzip"
        return Response(data, status, headers, "text/html; charset=utf-8")

    def _context(self, visit: Visit) -> dict[str, Any]:
        portal = self._portal

        def fill(path: str, values: Any = None, choices: Any = None, **names: str) -> Any:
            return form_of(visit, portal.form_page(path), values or {}, choices or {}, names)

        done = DONE.get(visit.request.query_params.get("done", ""))
        return {
            "visit": visit,
            "fill": fill,
            "menu": menu_of(visit),
            "done": visit.gettext(done) if done else "",
            "now": visit.now,
            "roles": visit.actor.roles,
        }

    def _environment(self, language: Language) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            auto_reload=False,
        )
        catalogue = translations(language.code)
        environment.install_gettext_callables(  # type: ignore[attr-defined]
            catalogue.gettext, catalogue.ngettext, newstyle=True
        )
        formats = self._formats(language)
        environment.filters |= {
            name: getattr(formats, name)
            for name in (
                *("number", "percent", "credits", "moment", "exact", "day", "iso", "ago"),
                *("span", "took"),
            )
        }
        environment.globals |= {
            "language": language,
            "languages": list(LANGUAGES.values()),
            "site": self._settings["site_name"],
            "static": self._portal.statics.address,
            "has_static": self._portal.statics.files.__contains__,
            "word": functools.partial(words.word, catalogue.gettext),
            "sentence": functools.partial(words.sentence, catalogue.gettext),
            "block": words.block,
            "elsewhere": self._portal.openid.name,
            "signs_up": bool(self._settings["sign_up"]),
            "CentreRole": CentreRole,
            "dumps": functools.partial(json.dumps, ensure_ascii=False, indent=1, sort_keys=True),
            "bars": functools.partial(_chart, bars.bars),
            "burn_down": _burn_down,
            "histogram": _histogram,
        }
        return environment

    def _formats(self, language: Language) -> Formats:
        catalogue = translations(language.code)
        return Formats(language, str(self._settings["time_zone"]), catalogue.gettext)


def _chart(make: Any, *arguments: Any, **named: Any) -> Markup:
    """A chart in a page: its maker has escaped every text that it was given."""
    return Markup(make(*arguments, **named))  # noqa: S704


def _histogram(
    visit: Visit, rows: list[tuple[str, int]], total: int, title: str, description: str
) -> Markup:
    """How often each outcome was seen."""
    formats = visit.formats

    def written(count: int, part: float) -> str:
        return f"{formats.number(count)} ({formats.percent(part, 1)})"

    named = {"title": title, "description": description, "written": written}
    return _chart(histogram.histogram, rows, total, **named)


def _burn_down(visit: Visit, series: list[dict[str, Any]]) -> Markup:
    """A project's credits over time."""
    formats, say = visit.formats, visit.gettext
    parts = (("free", say(N_("free")), True), ("charged", say(N_("used")), False),
             ("granted", say(N_("granted")), False))  # fmt: skip
    drawn = [
        lines.Series(name, [one[key] / MICRO for one in series], area) for key, name, area in parts
    ]
    return _chart(
        lines.lines,
        [one["at"] for one in series],
        drawn,
        title=say(N_("Credits over time")),
        description=say(N_("The table below has the numbers.")),
        value=lambda amount: formats.number(amount, 2),
        moment=formats.day,
    )
